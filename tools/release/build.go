package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// A target is an operating system and a processor.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// targets are what a release is made for.
var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}}

// A program is one that was built.
type program struct {
	target
	content []byte
	info    *buildinfo.BuildInfo
}

// name returns the name of an artefact for a target.
func (r *release) name(t target, end string) string {
	return fmt.Sprintf("radagora_%s_%s_%s%s", r.number, t.os, t.arch, end)
}

// build makes the program for a target: static, without paths of this machine, from
// modules that are here already.
func (r *release) build(ctx context.Context, t target) (program, error) {
	end := ""
	if t.os == "windows" {
		end = ".exe"
	}
	file, err := filepath.Abs(filepath.Join(r.out, r.name(t, end)))
	if err != nil {
		return program{}, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+r.version, "-o", file, "./cmd/radagora")
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-mod=readonly", "GOPROXY=off", "GOTOOLCHAIN=local", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return program{}, fmt.Errorf("build for %s (go mod download, if a module is missing): %w\n%s", t, err, out)
	}
	p, err := load(t, file)
	if err != nil {
		return program{}, err
	}
	fmt.Fprintf(r.said, "%9.1f MB  %s\n", float64(len(p.content))/1e6, filepath.Base(file))
	if t.os != runtime.GOOS || t.arch != runtime.GOARCH {
		return p, nil
	}
	return p, look(ctx, file)
}

// load reads a program that was built.
func load(t target, file string) (p program, err error) {
	p.target = t
	if p.content, err = os.ReadFile(file); err != nil {
		return p, err
	}
	p.info, err = buildinfo.ReadFile(file)
	return p, err
}
