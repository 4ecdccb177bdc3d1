package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/site"
)

// startPACS starts dcmtk's dcmqrscp with some objects in it: another archive to ask and
// fetch from, which calls us at port.
func startPACS(t *testing.T, title, port string, objects ...string) string {
	t.Helper()
	program, folder, own := dcmtk(t, "dcmqrscp"), t.TempDir(), freePort(t)
	index := dcmtk(t, "dcmqridx")
	var names []string
	for i, o := range objects {
		b, err := os.ReadFile(o)
		check(t, err)
		name := filepath.Join(folder, fmt.Sprintf("o%d.dcm", i))
		check(t, os.WriteFile(name, b, 0o600))
		names = append(names, name)
	}
	if out, ok := runs(t, index, append([]string{folder}, names...)...); !ok {
		t.Fatal(out)
	}
	config := filepath.Join(t.TempDir(), "dcmqrscp.cfg")
	check(t, os.WriteFile(config, []byte(fmt.Sprintf(`NetworkTCPPort = %s
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
us = (RADAGORA, 127.0.0.1, %s)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
%s %s RW (500, 1024mb) ANY
AETable END
`, own, port, title, folder)), 0o600))
	cmd := exec.Command(program, "-c", config)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	reachable(t, "127.0.0.1:"+own)
	return own
}

// twin writes an object anew with other identifiers, and returns its name.
func twin(t *testing.T, from, study, series, sop, day string) string {
	t.Helper()
	raw, err := os.ReadFile(from)
	check(t, err)
	f, err := dicom.Read(bytes.NewReader(raw), nil)
	check(t, err)
	b := dicom.Edit(f.Dataset).Text(tag.StudyInstanceUID, study).Text(tag.SeriesInstanceUID, series).Text(tag.SOPInstanceUID, sop).Text(tag.StudyDate, day)
	ds, err := b.Dataset()
	check(t, err)
	name := filepath.Join(t.TempDir(), "twin.dcm")
	out, err := os.Create(name)
	check(t, err)
	check(t, dicom.WriteFile(out, ds, uid.ExplicitVRLittleEndian))
	check(t, out.Close())
	return name
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1200 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s: not within a minute", what)
}

const ctSample = "/usr/lib/python3/dist-packages/pydicom/data/test_files/CT_small.dcm"

// TestFetchFromPACS searches dcmtk's archive, fetches by C-GET and by C-MOVE, and
// compares what came.
func TestFetchFromPACS(t *testing.T) {
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to fetch: python3-pydicom is not installed")
	}
	port := freePort(t)
	own := startPACS(t, "PACS", port,
		twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121"), twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.2", "20261121"),
		twin(t, ctSample, "1.2.4", "1.2.4.1", "1.2.4.1.1", "20261120"), report(t))
	inside(t, t.TempDir(), func(ctx context.Context, h *house) {
		p, err := site.ParsePeer("PACS=127.0.0.1:" + own)
		check(t, err)
		check(t, h.Sites.SetPeer(ctx, "local", p))
		l := line{h, settings{AE: "RADAGORA"}}
		all, err := l.Search(ctx, at, "PACS", exchange.Search{From: "20261120", Until: "20261121"})
		check(t, err)
		if len(all) != 2 || all[0].UID != uid.Must("1.2.3") || all[0].Instances != -1 { // dcmqrscp does not count
			t.Errorf("found were %+v", all)
		}
		one, err := l.Search(ctx, at, "PACS", exchange.Search{Study: uid.Must("1.2.4"), PatientID: archive.Conceal("1CT1")})
		check(t, err)
		if len(one) != 1 {
			t.Errorf("one study was asked for, found were %d", len(one))
		}
		there, err := l.Holdings(ctx, at, "PACS", uid.Must("1.2.3"), func(s []exchange.FarSeries) []exchange.FarSeries { return s })
		check(t, err)
		if len(there) != 2 || there[0].Series.Modality != "CT" {
			t.Errorf("the study has %+v", there)
		}
		whole := exchange.Wanted{Study: uid.Must("1.2.3"), Whole: true}
		way, err := l.Fetch(ctx, at, "PACS", whole, exchange.AnyWay, func(int) error { return nil })
		check(t, err)
		s, err := h.Archive.Study(ctx, at, uid.Must("1.2.3"))
		check(t, err)
		if way != exchange.ByGet || s.InstanceCount != 2 {
			t.Errorf("fetched by %q were %d instances; want 2 by C-GET", way, s.InstanceCount)
		}
		if _, err := l.Fetch(ctx, at, "PACS", exchange.Wanted{Study: uid.Must("1.2.9"), Whole: true}, exchange.AnyWay, func(int) error { return nil }); err != nil {
			t.Errorf("a study of which there is nothing: %v", err)
		}
	})
}

// TestFetchOverTheDoor has a page's fetch come by C-MOVE through our own door.
func TestFetchOverTheDoor(t *testing.T) {
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to fetch: python3-pydicom is not installed")
	}
	data := t.TempDir()
	s := serve(t, data)
	_, port, err := net.SplitHostPort(s.dicom)
	check(t, err)
	own := startPACS(t, "PACS", port, twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121"))
	post := func(path string, form url.Values) string {
		answer, err := http.PostForm("http://"+s.http+path, form)
		check(t, err)
		check(t, answer.Body.Close())
		return answer.Request.URL.RawQuery
	}
	post("/settings/peers", url.Values{"title": {"PACS"}, "host": {"127.0.0.1"}, "port": {own}, "state": {"accepted"}})
	if done := post("/images/fetch", url.Values{"peer": {"PACS"}, "study": {"1.2.3"}, "part": {"all"}}); !strings.Contains(done, "done=fetch_began") {
		t.Fatalf("the fetch did not begin: %s", done)
	}
	eventually(t, "the study", func() bool {
		answer, err := http.Get("http://" + s.http + "/images/studies/1.2.3")
		check(t, err)
		check(t, answer.Body.Close())
		return answer.StatusCode == http.StatusOK
	})
}
