package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/site"
)

// A farAway is dcmtk's storescp: a peer to send to.
type farAway struct {
	folder string
	port   string
}

// startReceiver starts one that takes what args say.
func startReceiver(t *testing.T, title string, args ...string) farAway {
	t.Helper()
	r := farAway{folder: t.TempDir(), port: freePort(t)}
	cmd := exec.Command(dcmtk(t, "storescp"), append(args, "-aet", title, "-od", r.folder, r.port)...)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	reachable(t, "127.0.0.1:"+r.port)
	return r
}

// all returns the names of the objects that the farAway has, but for rejection notes.
func (r farAway) all(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(r.folder, "*"))
	check(t, err)
	return slices.DeleteFunc(all, func(name string) bool { return strings.Contains(filepath.Base(name), "KO") })
}

// until waits until the farAway has n objects, and returns their names.
func (r farAway) until(t *testing.T, n int) []string {
	t.Helper()
	for range 1200 {
		all, err := filepath.Glob(filepath.Join(r.folder, "*"))
		check(t, err)
		if len(all) >= n {
			return all
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the peer does not get %d objects", n)
	return nil
}

// TestExchange passes objects on to dcmtk: by a rule that a form made, by hand, and
// decompressed for a peer that takes nothing else.
func TestExchange(t *testing.T) {
	storescu, dcmcjpls := dcmtk(t, "storescu"), dcmtk(t, "dcmcjpls")
	far, plain := startReceiver(t, "FAR", "+xa"), startReceiver(t, "PLAIN", "+x=")
	data := t.TempDir()
	inside(t, data, func(ctx context.Context, h *house) {
		for title, port := range map[string]string{"FAR": far.port, "PLAIN": plain.port} {
			p, err := site.ParsePeer(title + "=127.0.0.1:" + port)
			check(t, err)
			check(t, h.Sites.SetPeer(ctx, "local", p))
		}
	})
	s := serve(t, data)
	host, port, err := net.SplitHostPort(s.dicom)
	check(t, err)
	post := func(path string, form url.Values) string {
		answer, err := http.PostForm("http://"+s.http+path, form)
		check(t, err)
		check(t, answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
		return answer.Request.URL.RawQuery
	}
	if done := post("/images/exchange/rule", url.Values{
		"name": {"reports"}, "peer": {"FAR"}, "part": {"reports"}, "active": {"1"}, "rest": {"0"}, "modality": {"sr"},
	}); !strings.Contains(done, "done=rule_saved") {
		t.Fatalf("the rule was not saved: %s", done)
	}
	if out, ok := runs(t, storescu, "-aec", "RADAGORA", host, port, report(t)); !ok {
		t.Fatal(out)
	}
	far.until(t, 1)

	const sample = "/usr/lib/python3/dist-packages/pydicom/data/test_files/CT_small.dcm"
	if _, err := os.Stat(sample); err != nil {
		t.Skip("no image to send: python3-pydicom is not installed")
	}
	packed := filepath.Join(t.TempDir(), "packed.dcm")
	if out, ok := runs(t, dcmcjpls, sample, packed); !ok {
		t.Fatal(out)
	}
	if out, ok := runs(t, storescu, "-xt", "-aec", "RADAGORA", host, port, packed); !ok {
		t.Fatal(out)
	}
	const study = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
	for _, peer := range []string{"FAR", "PLAIN"} {
		if done := post("/images/studies/"+study+"/send", url.Values{"peer": {peer}, "part": {"all"}}); !strings.Contains(done, "done=send_began") {
			t.Errorf("to %s: %s", peer, done)
		}
	}
	far.until(t, 2)
	got, same := plain.until(t, 1)[0], false
	for range 100 { // storescp writes while we look
		if same = samePixels(t, sample, got); same {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !same {
		t.Error("the peer that takes nothing compressed got other pixels")
	}

	// Who was given what is rejected is given the note, although it is hidden here.
	if done := post("/images/reconcile", url.Values{"do": {"reject"}, "study": {study}, "title": {"113037"}, "reason": {"left for right"}}); !strings.Contains(done, "done=reconcile_reject") {
		t.Fatalf("not rejected: %s", done)
	}
	for _, r := range []farAway{far, plain} {
		all := r.until(t, len(r.all(t))+1)
		if notes := slices.DeleteFunc(all, func(name string) bool { return !strings.Contains(filepath.Base(name), "KO") }); len(notes) != 1 {
			t.Errorf("%d rejection notes came to the peer; want 1", len(notes))
		}
	}
}

// samePixels reports whether two files hold the same pixels, as dcmdump shows them.
func samePixels(t *testing.T, a, b string) bool {
	t.Helper()
	pixels := func(name string) string {
		out, _ := exec.CommandContext(t.Context(), dcmtk(t, "dcmdump"), "+L", "+P", "7fe0,0010", name).Output()
		_, value, _ := strings.Cut(string(out), " OW ")
		value, _, _ = strings.Cut(value, "#")
		return strings.TrimSpace(value)
	}
	x, y := pixels(a), pixels(b)
	return x != "" && x == y
}
