package main

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A server is `radagora serve` as a process of its own, on free ports.
type server struct {
	cmd         *exec.Cmd
	http, dicom string        // addresses
	dicomTLS    string        // likewise, "" if there is none
	hl7, hl7TLS string        // likewise
	start       time.Duration // until it said that it is ready
	out         string        // its first line

	mu    sync.Mutex
	said  bytes.Buffer // everything on both outputs
	ended chan error
}

// asked is the argument of startServer for a server that asks people to sign in.
const asked = "(sign-in)"

// ready is the one line that a server prints.
var ready = regexp.MustCompile(`^ready: https?://(\S+)/ DICOM (\S+) (\S+)(?: TLS (\S+))?(?: HL7 (\S+))?(?: HL7-TLS (\S+))?$`)

// startServer starts a server on a data folder and waits until it is ready.
func startServer(data string, env []string, args ...string) (*server, error) {
	args = append([]string{"serve", "--data", data, "--http", "127.0.0.1:0", "--dicom", "127.0.0.1:0"}, args...)
	if i := slices.Index(args, asked); i >= 0 {
		args = slices.Delete(args, i, i+1)
	} else if !slices.Contains(args, "--demo") {
		args = append(args, "--no-auth")
	}
	s := &server{cmd: exec.Command("radagora", args...), ended: make(chan error, 1)}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stderr = s
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	first := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case first <- lines.Text():
			default:
			}
			_, _ = s.Write(append(lines.Bytes(), '\n'))
		}
		s.ended <- s.cmd.Wait()
	}()
	select {
	case s.out = <-first:
		s.start = time.Since(began)
	case err := <-s.ended:
		return nil, errors.Join(errors.New("serve ended: "+s.log()), err)
	case <-time.After(time.Minute):
		s.kill()
		return nil, errors.New("serve is not ready after a minute: " + s.log())
	}
	found := ready.FindStringSubmatch(s.out)
	if found == nil {
		s.kill()
		return nil, errors.New("the ready line is " + s.out)
	}
	s.http, s.dicom, s.dicomTLS, s.hl7, s.hl7TLS = found[1], found[3], found[4], found[5], found[6]
	return s, nil
}

// Write implements io.Writer for what the server says.
func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(b)
}

// log returns everything the server has said.
func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// kill ends the server as a power cut would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.ended <- nil
}

// stop ends the server as a service manager would, and returns how it ended.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(30 * time.Second):
		s.kill()
		return errors.New("serve has not ended 30 s after SIGTERM: " + s.log())
	}
}

// serve starts a server for a test, which ends with it.
func serve(t *testing.T, data string, args ...string) *server {
	t.Helper()
	s, err := startServer(data, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

// servers are those of scripts.
var servers sync.Map // *testscript.TestScript to *server

// serveScript starts a server for a script and sets HTTP and DICOM: serve FOLDER FLAG….
func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve folder [flags...]")
	}
	s, err := startServer(ts.MkAbs(args[0]), nil, args[1:]...)
	ts.Check(err)
	servers.Store(ts, s)
	ts.Defer(s.kill)
	ts.Setenv("HTTP", s.http)
	ts.Setenv("DICOM", s.dicom)
}

// stopScript ends the server of a script.
func stopScript(ts *testscript.TestScript, neg bool, _ []string) {
	s, ok := servers.LoadAndDelete(ts)
	if neg || !ok {
		ts.Fatalf("usage: stop, after serve")
	}
	ts.Check(s.(*server).stop())
}

// damage turns a byte in the middle of the largest file of a folder.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage folder")
	}
	var name string
	var size int64
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			name, size = path, info.Size()
		}
		return err
	}))
	b, err := os.ReadFile(name)
	ts.Check(err)
	at := bytes.Index(b, []byte("Abdomen Routine"))
	if at < 0 {
		ts.Fatalf("%s of %d bytes holds no protocol", name, size)
	}
	b[at] ^= 1
	ts.Check(os.WriteFile(name, b, 0o600))
}
