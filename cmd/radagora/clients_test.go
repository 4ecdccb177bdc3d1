package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestClients lets clients that others wrote store, find and fetch, by DICOMweb and
// over associations: test/browser/clients.test.mjs has the story.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("Node starts slowly: left out with -short")
	}
	dir := filepath.Join("..", "..", "test", "browser")
	for _, need := range []string{"dicomweb-client", "dcmjs-dimse", "xhr2"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", need)); err != nil {
			t.Skipf("the clients need npm ci --ignore-scripts in test/browser: %v", err)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the clients need node")
	}
	s := serve(t, t.TempDir())
	_, port, _ := net.SplitHostPort(s.dicom)
	run := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec", "clients.test.mjs")
	run.Dir = dir
	run.Env = append(os.Environ(), "RADAGORA_DICOMWEB_URL=http://"+s.http+"/dicom-web", "RADAGORA_DICOM_PORT="+port)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
