package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker; see the Makefile.
var version string

type versionCmd struct{}

func (versionCmd) Help() string {
	return `Prints the program's version, the Go release that built it and the platform.

Example:

    radagora version`
}

// Run prints one line.
func (versionCmd) Run(sys *system) error {
	_, err := fmt.Fprintf(sys.Out, "radagora %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// versionText returns what the linker was told, or else the commit, or else
// "unknown": a tree without git has neither.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
