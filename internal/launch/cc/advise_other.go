//go:build !linux

package cc

// This file implements the absence of a way to ask for huge pages.

func adviseHuge([]byte) {}
