package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A contender is a program that stores what it is sent.
type contender struct {
	name string
	// start starts it with all it keeps in an empty folder. The error is
	// exec.ErrNotFound if it is not installed.
	start func(ctx context.Context, dir string) (*server, error)
	// stop stops it and counts what it has kept.
	stop func(ctx context.Context, s *server) (kept int, err error)
}

// A server is a contender that runs.
type server struct {
	dir  string
	port string // of its DICOM door on 127.0.0.1
	web  string // address of its DICOMweb door; "" for none
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	how  error         // how it did
}

// contenders returns everybody. The first is the one that is compared.
func contenders(o options, work string) []contender {
	all := []contender{ours(filepath.Join(work, "radagora")), storescp(), orthanc("Orthanc", orthancProgram())}
	if program, _, _ := strings.Cut(o.orthanc, ","); program != "" {
		all = append(all, orthanc("newer", program))
	}
	return all
}

// launch starts a program that writes its log into dir.
func launch(ctx context.Context, dir, port, program string, args ...string) (*server, error) {
	c := exec.CommandContext(context.WithoutCancel(ctx), program, args...) // end stops it, in its own time
	c.Env = append(os.Environ(), "TCP_NODELAY=1")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if c.Stderr = log; c.Stdout == nil {
		c.Stdout = log
	}
	follow(c)
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &server{dir: dir, port: port, cmd: c, done: make(chan struct{})}
	go func() {
		s.how = c.Wait()
		close(s.done)
	}()
	return s, nil
}

// ready asks until it is told yes, for at most half a minute.
func (s *server) ready(ctx context.Context, ask func() bool) error {
	for range 600 {
		if ask() {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended at once: %w: %s", s.how, s.lastWords())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.end())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.Join(errors.New("it was not ready after half a minute"), s.end())
}

// lastWords returns the last line of its log.
func (s *server) lastWords() string {
	f, err := os.Open(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	line := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line = lines.Text()
	}
	return line
}

// end ends it, kindly at first.
func (s *server) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("it did not end when it was asked to"), s.cmd.Process.Kill())
	}
}

// readyLine is what `radagora serve` prints when its doors are open.
var readyLine = regexp.MustCompile(`(?m)^ready: (http://\S+) DICOM \S+ \S+:(\d+)$`)

// keptLine is what `radagora check` says about the archive.
var keptLine = regexp.MustCompile(`(?m)^archive: (\d+) instances, `)

// ours is this program as it comes: SQLite and packs, everything synced.
func ours(program string) contender {
	return contender{
		name: "radagora",
		start: func(ctx context.Context, dir string) (*server, error) {
			s, err := launch(ctx, dir, "", program, "serve", "--data", filepath.Join(dir, "data"),
				"--http", "127.0.0.1:0", "--dicom", "127.0.0.1:0", "--ae", "ARCHIVE", "--no-auth")
			if err != nil {
				return nil, err
			}
			return s, s.ready(ctx, func() bool {
				log, err := os.ReadFile(filepath.Join(dir, "log"))
				if m := readyLine.FindSubmatch(log); err == nil && m != nil {
					s.web, s.port = strings.TrimSuffix(string(m[1]), "/")+"/dicom-web", string(m[2])
				}
				return s.port != ""
			})
		},
		stop: func(ctx context.Context, s *server) (int, error) {
			if err := s.end(); err != nil {
				return 0, err
			}
			out, err := exec.CommandContext(ctx, program, "check", "--data", filepath.Join(s.dir, "data")).CombinedOutput()
			m := keptLine.FindSubmatch(out)
			if err != nil || m == nil {
				return 0, fmt.Errorf("check: %w: %s", err, out)
			}
			return strconv.Atoi(string(m[1]))
		},
	}
}

// storescp is dcmtk's receiver at its quickest: the bytes as they come, a file
// each, no index, nothing synced, a process for each association.
func storescp() contender {
	const port = "11113"
	return contender{
		name: "storescp",
		start: func(ctx context.Context, dir string) (*server, error) {
			kept := filepath.Join(dir, "kept")
			if err := os.Mkdir(kept, 0o700); err != nil {
				return nil, err
			}
			s, err := launch(ctx, dir, port, "storescp", "-q", "--fork", "+B", "-aet", "ARCHIVE", "-od", kept, port)
			if err != nil {
				return nil, err
			}
			return s, s.ready(ctx, func() bool {
				return exec.CommandContext(ctx, "echoscu", "-aec", "ARCHIVE", "127.0.0.1", port).Run() == nil
			})
		},
		stop: func(_ context.Context, s *server) (kept int, err error) {
			if err := s.end(); err != nil {
				return 0, err
			}
			err = filepath.WalkDir(filepath.Join(s.dir, "kept"), func(_ string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					kept++
				}
				return err
			})
			return kept, err
		},
	}
}

// orthancProgram finds Orthanc where Debian puts it.
func orthancProgram() string {
	if found, err := exec.LookPath("Orthanc"); err == nil {
		return found
	}
	return "/usr/sbin/Orthanc"
}

// orthanc is Orthanc with the configuration it has without one: SQLite, files
// synced. No plug-in is loaded.
func orthanc(name, program string) contender {
	const url = "http://127.0.0.1:8042"
	return contender{
		name:  name,
		start: func(ctx context.Context, dir string) (*server, error) { return startOrthanc(ctx, dir, program, nil) },
		stop: func(ctx context.Context, s *server) (int, error) {
			kept, err := statistics(ctx, url)
			return kept, errors.Join(err, s.end())
		},
	}
}

// statistics asks Orthanc how many instances it has.
func statistics(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/statistics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var count struct{ CountInstances int }
	return count.CountInstances, json.NewDecoder(answer.Body).Decode(&count)
}
