// Command bench measures beside peers.
//
// It builds the program, makes what is needed in a temporary folder, and prints
// tables: what reading a header costs beside dcmtk, gdcm and pydicom, what storing
// objects over DICOM associations costs beside dcmtk's storescp and Orthanc, and what
// DICOMweb costs beside Orthanc's plug-in and a static file server, how many messages
// a second are stored beside the syncs of the disk, and how fast dose reports are read
// beside dsrdump and pydicom, and derived. A peer that is not installed is named and left out. It fails when an
// object that was acknowledged by this program is not kept, never for slowness:
// a measurement is no test.
//
//	go run ./bench                     # all, about five minutes
//	go run ./bench --quick             # one round of less, to see that it works; about a minute
//	go run ./bench --only store --rounds 9
//	go run ./bench --only web --orthanc /opt/orthanc/bin/Orthanc,/opt/orthanc/plugins/libOrthancDicomWeb.so
//
// The client is dcmtk's storescu for everybody, and Nagle's algorithm is off for
// it and for the peers (TCP_NODELAY=1), without which Debian's dcmtk, and Orthanc
// with it, waits 40 ms for each answer. Servers and clients run in a network
// namespace with nothing but loopback, because peers listen on every address. The
// programs take turns, so that a busy minute meets all of them, and each begins
// empty in each round. docs/measurements.md says more about the method and holds
// what was measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	only     string
	rounds   int
	quick    bool
	limit    time.Duration
	dir      string
	priority int
	orthanc  string // program of another Orthanc, and after a comma its DICOMweb plug-in
	inside   string // folder of the process outside; "" in that
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parse(os.Args[1:])
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.only, "only", "parse,store,web,messages,reports", "what to measure")
	f.IntVar(&o.rounds, "rounds", 5, "how often; the median counts")
	f.BoolVar(&o.quick, "quick", false, "one round, fewer objects, no counting of syncs")
	f.DurationVar(&o.limit, "limit", 4*time.Minute, "begin no further round of storing that would not end within it")
	f.StringVar(&o.dir, "dir", "/var/tmp", "make the temporary folder here; a disk, not memory")
	f.IntVar(&o.priority, "priority", 0, "nice value of everything measured against what else the machine does; negative needs root")
	f.StringVar(&o.orthanc, "orthanc", "", "measure this Orthanc too: PROGRAM or PROGRAM,DICOMWEB_PLUGIN")
	f.StringVar(&o.inside, "inside", "", "the process in the network namespace: folder of the other one")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds = 1
	}
	for part := range strings.SplitSeq(o.only, ",") {
		if !slices.Contains([]string{"parse", "store", "web", "messages", "reports"}, part) {
			return o, fmt.Errorf("--only %s: parse, store, web, messages and reports can be measured", part)
		}
	}
	if o.rounds < 1 || f.NArg() > 0 {
		return o, errors.New("rounds are at least one, and there are no arguments")
	}
	return o, nil
}

// run measures what o says and writes tables to w.
func run(ctx context.Context, o options, w io.Writer) (err error) {
	if o.inside != "" {
		return inside(ctx, o, w)
	}
	work, err := os.MkdirTemp(o.dir, "radagora-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := build(ctx, work); err != nil {
		return err
	}
	describe(ctx, w, work)
	parts := strings.Split(o.only, ",")
	if slices.Contains(parts, "parse") {
		if err := headers(ctx, o, work, w); err != nil {
			return fmt.Errorf("parse: %w", err)
		}
	}
	if slices.Contains(parts, "store") || slices.Contains(parts, "web") {
		err = outside(ctx, o, work, w)
	}
	if err == nil && slices.Contains(parts, "messages") {
		if err = messages(ctx, o, work, w); err != nil {
			err = fmt.Errorf("messages: %w", err)
		}
	}
	if err == nil && slices.Contains(parts, "reports") {
		if err = reports(ctx, o, work, w); err != nil {
			err = fmt.Errorf("reports: %w", err)
		}
	}
	fmt.Fprintf(w, "load of the machine at the end %s\n", load())
	return err
}

// build builds the programs of this repository that are measured.
func build(ctx context.Context, work string) error {
	args := []string{"build", "-trimpath"}
	if v := first(ctx, "git", "describe", "--tags", "--always", "--dirty"); v != "" {
		args = append(args, "-ldflags", "-X main.version="+v)
	}
	args = append(args, "-o", work+string(filepath.Separator), "radagora/cmd/radagora", "radagora/bench/parse")
	c := exec.CommandContext(ctx, "go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// headers measures the reading of headers.
func headers(ctx context.Context, o options, work string, w io.Writer) error {
	fmt.Fprint(w, "\n## Reading headers\n\n")
	files, rounds := 400, min(o.rounds, 3)
	if o.quick {
		files = 100
	}
	c := exec.CommandContext(ctx, filepath.Join(work, "parse"), "--files", strconv.Itoa(files), "--rounds", strconv.Itoa(rounds))
	c.Env = append(os.Environ(), "TMPDIR="+work)
	c.Stdout, c.Stderr = w, os.Stderr
	return c.Run()
}

// outside measures storing in a process of its own that has a network of its own,
// or, where there can be none, without the peers that need one.
func outside(ctx context.Context, o options, work string, w io.Writer) error {
	ip := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up")
	isolate(ip)
	if out, err := ip.CombinedOutput(); err != nil {
		why := fmt.Sprintf("no network namespace, and it would listen on every address: %v %s", err, strings.TrimSpace(string(out)))
		return servers(ctx, o, work, why, w)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, self, "--inside", work, "--rounds", strconv.Itoa(o.rounds), "--quick="+strconv.FormatBool(o.quick), "--only", o.only, "--orthanc", o.orthanc,
		"--limit", o.limit.String(), "--priority", strconv.Itoa(o.priority))
	isolate(c)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	c.Stdout, c.Stderr = w, os.Stderr
	return c.Run()
}

// inside is what the process in the namespace does.
func inside(ctx context.Context, o options, w io.Writer) error {
	if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("loopback: %w %s", err, out)
	}
	if o.priority != 0 {
		if err := os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(o.priority)), 0o644); err != nil {
			fmt.Fprintf(w, "priority stays as it is: %v\n", err)
		}
	}
	return servers(ctx, o, o.inside, "", w)
}

// servers measures what is measured at servers. shut is why peers cannot be started.
func servers(ctx context.Context, o options, work, shut string, w io.Writer) error {
	parts := strings.Split(o.only, ",")
	if slices.Contains(parts, "store") {
		if err := store(ctx, o, work, shut, w); err != nil {
			return err
		}
	}
	if slices.Contains(parts, "web") {
		return webPart(ctx, o, work, shut, w)
	}
	return nil
}
