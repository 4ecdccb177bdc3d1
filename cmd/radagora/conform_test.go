package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python is the interpreter that has Debian's modules.
const python = "/usr/bin/python3"

// conformChecks is how many checks conform.py holds.
const conformChecks = 84

// TestConform asks a server everything that test/conform asks of any archive.
func TestConform(t *testing.T) {
	if testing.Short() {
		t.Skip("84 checks with real clients: left out with -short, and so under the race detector")
	}
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import pydicom, numpy, PIL").CombinedOutput(); err != nil {
		t.Skipf("the checks need python3-pydicom, python3-numpy and python3-pil: %v %s", err, out)
	}
	for _, tool := range []string{"storescu", "findscu", "getscu", "movescu", "storescp", "dcmconv", "dcmcjpls", "gdcmconv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the checks need dcmtk and libgdcm-tools: %v", err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	_, movePort, _ := net.SplitHostPort(free.Addr().String())
	check(t, free.Close())
	s := serve(t, t.TempDir(), "--ae", "ARCHIVE", "--peer", "CONFORM=127.0.0.1:"+movePort, "--allow-origin", "http://viewer.example")
	_, port, _ := net.SplitHostPort(s.dicom)
	results := filepath.Join(t.TempDir(), "results.json")
	c := exec.CommandContext(t.Context(), python, "-B", "conform.py", "--url", "http://"+s.http+"/dicom-web", "--wado-uri", "http://"+s.http+"/wado",
		"--port", port, "--aec", "ARCHIVE", "--move-port", movePort, "--json", results)
	c.Dir = filepath.Join("..", "..", "test", "conform")
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	failed := c.Run() // so does a check
	raw, err := os.ReadFile(results)
	if err != nil {
		t.Fatalf("conform.py: %v\n%s", failed, said.Bytes())
	}
	var all []struct{ Level, Name, Result, Why string }
	check(t, json.Unmarshal(raw, &all))
	if len(all) != conformChecks {
		t.Errorf("%d checks; want %d", len(all), conformChecks)
	}
	died := false
	for _, one := range all {
		died = died || strings.Contains(one.Why, "refused")
		if one.Result != "pass" {
			t.Errorf("%s (%s): %s %s", one.Name, one.Level, one.Result, one.Why)
		}
	}
	if died {
		log := s.log()
		t.Errorf("the server died, it seems; its last words: %s", log[max(0, len(log)-4000):])
	}
}
