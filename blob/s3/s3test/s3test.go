// Package s3test starts a real object store for tests.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radagora/blob/s3"
)

// The account of the store.
const (
	Key    = "radagora"
	Secret = "radagora-test-secret"
)

// Bucket starts versitygw on a folder of the test, on loopback, and returns an empty
// place in it; it is stopped when the test ends. Where the program is not installed
// the test is skipped, and says so: tools/check installs it under .work/bin.
func Bucket(t testing.TB) s3.Place {
	t.Helper()
	addr, dir := Server(t, t.TempDir(), "")
	return Place(t, addr, dir)
}

var buckets atomic.Int64

// Place makes a bucket in the folder of a server that listens on an address.
func Place(t testing.TB, addr, dir string) s3.Place {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", buckets.Add(1))
	if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
	return s3.Place{Endpoint: "http://" + addr, Bucket: name, Prefix: "packs"}
}

// Server starts versitygw on a folder. addr is where it listens; "" is a free port. It
// returns the address and the folder of the buckets.
func Server(t testing.TB, dir, addr string) (listens, buckets string) {
	t.Helper()
	program := find(t)
	root, sidecar := filepath.Join(dir, "root"), filepath.Join(dir, "sidecar")
	for _, d := range []string{root, sidecar} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if addr == "" {
		addr = free(t)
	}
	for _, how := range [][]string{{"posix", root}, {"posix", "--sidecar", sidecar, root}} { // a file system without extended attributes needs files beside
		said, ok := start(t, program, addr, how)
		if ok {
			return addr, root
		}
		t.Logf("versitygw ended: %s", said)
	}
	t.Fatal("versitygw does not start")
	return "", ""
}

// start starts the server, and reports whether it answers; if not, what it said.
func start(t testing.TB, program, addr string, how []string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := exec.CommandContext(ctx, program, append([]string{"--port", addr, "--quiet"}, how...)...)
	c.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+Key, "ROOT_SECRET_KEY="+Secret, "GOGC=50")
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get("http://" + addr + "/") //nolint:noctx // a test
		if err == nil {
			r.Body.Close()
			return "", true
		}
		select {
		case <-ended:
			return said.String(), false
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("versitygw does not answer: %v", err)
		}
	}
}

// free returns an address nobody listens on.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "127.0.0.1:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port) //nolint:errcheck,forcetypeassert // of tcp
}

// find returns the path of versitygw: that of the environment variable
// RADAGORA_TEST_S3, else the one in .work/bin of the repository.
func find(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("RADAGORA_TEST_S3"); p != "" {
		return p
	}
	dir, err := os.Getwd()
	for err == nil {
		p := filepath.Join(dir, ".work", "bin", "versitygw")
		if _, err := os.Stat(p); err == nil {
			return p
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	if p, err := exec.LookPath("versitygw"); err == nil {
		return p
	} else if !errors.Is(err, exec.ErrNotFound) {
		t.Fatal(err)
	}
	t.Skip("versitygw not found: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, or let tools/check build it into .work/bin")
	return ""
}
