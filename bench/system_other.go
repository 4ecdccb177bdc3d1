//go:build !linux

package main

import (
	"os"
	"os/exec"
)

// isolate does nothing: only Linux has network namespaces, and the program that
// would be run in one is not there.
func isolate(*exec.Cmd) {}

// follow does nothing.
func follow(*exec.Cmd) {}

// settle does nothing.
func settle() {}

// syncData makes what was written to f durable.
func syncData(f *os.File) error { return f.Sync() }

// fileSystem does not know.
func fileSystem(string) string { return "unknown" }
