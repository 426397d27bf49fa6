//go:build unix && !linux

package cc

// This file implements nothing for systems that cannot kill a process when
// another one dies.

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}
