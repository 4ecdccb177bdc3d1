package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// format asks gofmt; the linter asks gofumpt and checks the order of imports.
func format(ctx context.Context, s *stage) outcome {
	files, err := s.files(ctx, "*.go")
	if err != nil {
		return fail("%v", err)
	}
	out, err := s.output(ctx, "gofmt", append([]string{"-l"}, files...)...)
	if err != nil || out != "" {
		return fail("not formatted (make format):\n%s", out)
	}
	return outcome{passed: 1, note: fmt.Sprintf("%d files", len(files))}
}

func vet(ctx context.Context, s *stage) outcome { return s.try(ctx, "go", "vet", "./...") }

// build makes the program, which browser tests start.
func build(ctx context.Context, s *stage) outcome {
	program := filepath.Join(s.root, "bin", "radagora")
	s.env = append(s.env, "RADAGORA_BIN="+program)
	return s.try(ctx, "env", "CGO_ENABLED=0", "go", "build", "-o", program, "./cmd/radagora")
}

// lint builds the linter from its own module, pinned there, and runs it.
func lint(ctx context.Context, s *stage) outcome {
	linter := s.work("bin", "golangci-lint")
	if o := s.try(ctx, "go", "-C", "tools/lint", "build", "-o", linter, "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"); o.failed > 0 {
		return o
	}
	return s.try(ctx, linter, "run", "--timeout=30m", "--allow-parallel-runners", "./...")
}

// generated copies the tree, generates there and compares, so that the work tree
// stays as it is.
func generated(ctx context.Context, s *stage) outcome {
	files, err := s.files(ctx)
	if err != nil {
		return fail("%v", err)
	}
	tree := s.work("generate", "tree")
	if err := errors.Join(os.RemoveAll(s.work("generate")), copyAll(s.root, tree, files)); err != nil {
		return fail("%v", err)
	}
	defer func() { _ = os.RemoveAll(s.work("generate")) }() // what stays is in the way of nobody
	cmd := s.command(ctx, "go", "generate", "./tools")
	cmd.Dir = tree
	if out, err := cmd.CombinedOutput(); err != nil {
		return fail("%s\ngo generate: %v", out, err)
	}
	changed, err := differing(s.root, tree, files)
	if err != nil {
		return fail("%v", err)
	}
	if len(changed) > 0 {
		return fail("generated files differ from what is committed (make generate):\n%s", strings.Join(changed, "\n"))
	}
	return outcome{passed: 1}
}

// files lists what git tracks, and what it would if asked now.
func (s *stage) files(ctx context.Context, patterns ...string) ([]string, error) {
	args := append([]string{"-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"}, patterns...)
	out, err := s.output(ctx, "git", args...)
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w\n%s", err, out)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		if info, err := os.Stat(filepath.Join(s.root, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	return files, nil
}

func copyAll(from, to string, files []string) error {
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// differing names the files that one tree has and the other lacks or has
// otherwise.
func differing(old, now string, files []string) (changed []string, err error) {
	known := map[string]bool{}
	for _, name := range files {
		known[name] = true
		a, err1 := os.ReadFile(filepath.Join(old, name))
		b, err2 := os.ReadFile(filepath.Join(now, name))
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			changed = append(changed, "  "+name)
		}
	}
	err = filepath.WalkDir(now, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(now, path)
		if err == nil && !known[filepath.ToSlash(name)] {
			changed = append(changed, "  "+name+" (not committed)")
		}
		return err
	})
	return changed, err
}
