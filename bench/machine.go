package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// describe writes on what was measured: no figure means anything without it.
func describe(ctx context.Context, w io.Writer, work string) {
	fmt.Fprintf(w, "%s, %d CPUs (%s), %s, file system %s\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		runtime.NumCPU(), field("/proc/cpuinfo", "model name"), kernel(), fileSystem(work))
	fmt.Fprint(w, first(ctx, filepath.Join(work, "radagora"), "version"))
	for _, peer := range []struct{ name, program, option string }{
		{"dcmtk", "storescp", "--version"},
		{"gdcm", "gdcmdump", "--version"},
		{"Orthanc", orthancProgram(), "--version"},
		{"pydicom", "/usr/bin/python3", "-cimport pydicom; print(pydicom.__version__)"},
	} {
		if v := version.FindString(first(ctx, peer.program, peer.option)); v != "" {
			fmt.Fprintf(w, "; %s %s", peer.name, v)
		}
	}
	fmt.Fprintf(w, "\nload of the machine %s\n", load())
}

// first returns the first line that a program writes, "" if it is not there.
func first(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}

// version finds a version in what a program says about itself.
var version = regexp.MustCompile(`\d+(\.\d+)+`)

// field returns a field of a file in /proc.
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return runtime.GOOS + " " + strings.TrimSpace(string(b))
}

// load returns the load averages of one, five and fifteen minutes.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
