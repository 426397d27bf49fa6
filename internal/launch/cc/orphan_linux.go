package cc

// This file implements having the system kill compilers when the process dies.

import "syscall"

func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
