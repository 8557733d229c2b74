#!/usr/bin/env python3
"""A file system in user space whose answers can be stopped: server.py DIRECTORY MOUNT CONTROL

It shows DIRECTORY. While the file CONTROL holds the word `hang`, nothing is answered.
"""

import os
import sys
import time

try:
    from fusepy import FUSE, Operations
except ImportError:
    from fuse import FUSE, Operations

DIRECTORY, MOUNT, CONTROL = sys.argv[1:4]


def wait():
    while True:
        with open(CONTROL) as control:
            if control.read().strip() != "hang":
                return
        time.sleep(0.05)


class Server(Operations):
    def path(self, name):
        wait()
        return os.path.join(DIRECTORY, name.lstrip("/"))

    def getattr(self, path, fh=None):
        status = os.lstat(self.path(path))
        names = ("st_atime", "st_ctime", "st_mtime", "st_gid", "st_uid", "st_mode", "st_nlink", "st_size")
        return {name: getattr(status, name) for name in names}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.path(path))]

    def statfs(self, path):
        status = os.statvfs(self.path(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")
        return {name: getattr(status, name) for name in names}


# Nothing is remembered: every call comes to us.
FUSE(Server(), MOUNT, foreground=True, nothreads=False, attr_timeout=0, entry_timeout=0, fsname="server:/export", allow_other=True)
