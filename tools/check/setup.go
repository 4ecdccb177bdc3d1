package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A need is a Debian package and how to see that it is there. What is present
// from another source (a Node of one's own, say) is left as it is.
type need struct {
	pkg     string
	present func(context.Context) bool
}

// needs is what the tests call beside Go, git and make.
var needs = []need{
	{"gcc", program("gcc", "cc")}, // the race detector links C
	{"libc6-dev", file("/usr/include/stdlib.h")},
	{"dcmtk", program("dcmdump", "storescu", "storescp", "echoscu")}, // peers and oracles
	{"libgdcm-tools", program("gdcmdump")},
	{"dicom3tools", program("dciodvfy")},
	{"python3-pydicom", runs("/usr/bin/python3", "-c", "import pydicom")},
	{"python3-hl7", runs("/usr/bin/python3", "-c", "import hl7.mllp")}, // a receiver of messages
	{"python3-numpy", runs("/usr/bin/python3", "-c", "import numpy")},  // for the checks of conformance
	{"python3-pil", runs("/usr/bin/python3", "-c", "import PIL")},      // likewise
	{"libopenjp2-tools", program("opj_compress", "opj_decompress")},    // an oracle for JPEG 2000
	{"openjph-tools", program("ojph_compress")},                        // and for its high-throughput blocks
	{"orthanc", program("Orthanc")},                                    // another archive to send to and fetch from
	{"postgresql", either(file("/usr/lib/postgresql/*/bin/postgres"), program("initdb", "postgres"))},
	{"chromium", program("chromium")},
	{"fonts-dejavu-core", file("/usr/share/fonts/truetype/*")}, // a browser without fonts draws boxes
	{"nodejs", program("node")},
	{"npm", program("npm")},
	{"strace", program("strace")}, // counts the syncs before an answer
}

func program(names ...string) func(context.Context) bool {
	return func(context.Context) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			_, err := exec.LookPath(name)
			return err != nil
		})
	}
}

func file(pattern string) func(context.Context) bool {
	return func(context.Context) bool {
		found, _ := filepath.Glob(pattern) // the patterns are constants
		return len(found) > 0
	}
}

func either(a, b func(context.Context) bool) func(context.Context) bool {
	return func(ctx context.Context) bool { return a(ctx) || b(ctx) }
}

func runs(name string, args ...string) func(context.Context) bool {
	return func(ctx context.Context) bool { return exec.CommandContext(ctx, name, args...).Run() == nil }
}

func absent(ctx context.Context) (pkgs []string) {
	for _, n := range needs {
		if !n.present(ctx) {
			pkgs = append(pkgs, n.pkg)
		}
	}
	return pkgs
}

// setup installs what is missing, where it may. Where it may not, it names the
// packages: the tests that need them skip and say so.
func setup(ctx context.Context, s *stage) outcome {
	pkgs := absent(ctx)
	if len(pkgs) == 0 {
		return outcome{passed: 1, note: "nothing missing"}
	}
	fmt.Fprintf(s.out, "setup      misses %s\n", strings.Join(pkgs, " "))
	text, err := s.install(ctx, pkgs)
	s.fresh = true
	if left := absent(ctx); len(left) > 0 {
		o := missing("setup", "install these Debian packages: "+strings.Join(left, " "))
		if err != nil {
			o.text += "\n" + text + "\n" + err.Error()
		}
		return o
	}
	return outcome{passed: 1, note: fmt.Sprintf("%d packages installed", len(pkgs))}
}

// examples fetches the published FHIR examples that the tests of fhir read, once. A
// machine that cannot reach them goes without, and says so.
func examples(ctx context.Context, s *stage) outcome {
	text, err := s.output(ctx, "go", "run", "./tools/fhirtables", "-fetch")
	if err != nil {
		reason := "the published FHIR examples cannot be fetched: " + tail(text, 1)
		return outcome{skipped: 1, skips: []skip{{"examples", reason}}, note: reason}
	}
	return outcome{passed: 1}
}

// gateway is the object store that tests of blob/s3 speak to.
const gateway = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// objects builds the object store for tests, once. A machine that cannot fetch it goes
// without, and says so; its tests skip.
func objects(ctx context.Context, s *stage) outcome {
	name := s.work("bin", "versitygw")
	if _, err := os.Stat(name); err == nil {
		return outcome{passed: 1, note: "built before"}
	}
	text, err := s.output(ctx, "env", "GOBIN="+filepath.Dir(name), "GOFLAGS=", "go", "install", gateway)
	if err != nil {
		reason := "the object store for tests cannot be built: " + tail(text, 1)
		return outcome{skipped: 1, skips: []skip{{"objects", reason}}, note: reason}
	}
	return outcome{passed: 1}
}

// install calls apt-get, with sudo unless it is root already.
func (s *stage) install(ctx context.Context, pkgs []string) (string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", err
	}
	var su []string
	if os.Geteuid() != 0 {
		if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
			return "", fmt.Errorf("neither root nor sudo without a password: %w", err)
		}
		su = []string{"sudo", "-n"}
	}
	// RUNLEVEL=1 and the policy of the maintainer scripts: install, start no service.
	apt := append(su, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")
	text, err := s.repeat(ctx, append(slices.Clone(apt), "update"))
	if err != nil {
		return text, err
	}
	return s.repeat(ctx, append(append(slices.Clone(apt), "install", "-y", "--no-install-recommends"), pkgs...))
}

// repeat tries a command three times: a mirror may be busy.
func (s *stage) repeat(ctx context.Context, args []string) (text string, err error) {
	for try := range 3 {
		if text, err = s.output(ctx, args[0], args[1:]...); err == nil || ctx.Err() != nil {
			break
		}
		if try < 2 {
			time.Sleep(5 * time.Second)
		}
	}
	return tail(text, 30), err
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
