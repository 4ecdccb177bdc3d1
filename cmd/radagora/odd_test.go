package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose/dosetest"
)

// dial opens an association with a server, for reports and images.
func dial(ctx context.Context, s *server) (*dimse.Association, error) {
	syntax := []uid.UID{uid.ExplicitVRLittleEndian}
	return dimse.Dial(ctx, s.dicom, dimse.Config{
		Calling: "SCANNER", Called: "RADAGORA", Now: time.Now, Timeout: 20 * time.Second,
		Propose: []dimse.Proposal{{SOPClass: uid.XRayRadiationDoseSRStorage, Syntaxes: syntax}, {SOPClass: uid.CTImageStorage, Syntaxes: syntax}},
	})
}

// put stores bytes as the data set of an instance.
func put(ctx context.Context, a *dimse.Association, class uid.UID, instance string, data []byte) error {
	status, err := a.Store(ctx, dimse.Outgoing{
		SOPClass: class, SOPInstance: dosetest.UID(instance), TransferSyntax: uid.ExplicitVRLittleEndian, Data: bytes.NewReader(data),
	})
	if err != nil {
		return err
	}
	return status.Err()
}

// datasetOf returns the data set of a made report without its meta information.
func datasetOf(t *testing.T, m reportMaker, study, instance string) []byte {
	t.Helper()
	b, err := m.dataset(study, instance)
	check(t, err)
	return b
}

// dataset makes a report of one scan of 7 mGy.cm and leaves out its meta information.
func (m reportMaker) dataset(study, instance string) ([]byte, error) {
	m.day, m.serial, m.protocol = "20260302", "R64-0001", "Chest Routine"
	b, err := m.file(study, instance, "7", []string{instance + ":1:7"})
	if err != nil {
		return nil, err
	}
	f, err := dicom.Read(bytes.NewReader(b), nil)
	if f == nil {
		return nil, err
	}
	return b[f.Start:], nil
}

// deep is a data set of sequences in sequences without end.
func deep() []byte {
	var b bytes.Buffer
	for range 200_000 {
		b.Write([]byte{0x08, 0x00, 0x10, 0x11, 'S', 'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF})
	}
	return b.Bytes()
}

// claimed is a data set whose patient ID claims to be almost 4 GB long.
func claimed(t *testing.T, b []byte) []byte {
	t.Helper()
	at := bytes.Index(b, []byte{0x10, 0x00, 0x20, 0x00, 'L', 'O'})
	if at < 0 {
		t.Fatal("no patient ID")
	}
	head := binary.LittleEndian.AppendUint32([]byte{0x10, 0x00, 0x20, 0x00, 'U', 'T', 0, 0}, 0xFFFF_FFFE)
	return append(append(bytes.Clone(b[:at]), head...), b[at+6:]...)
}

// TestOddObjects: what is no sound dose report gets a clear answer and disturbs
// nothing. The association goes on, and so does everybody else.
func TestOddObjects(t *testing.T) {
	slow(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--log-level", "debug")
	ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
	defer stop()
	a, err := dial(ctx, s)
	check(t, err)
	dose, image := uid.XRayRadiationDoseSRStorage, uid.CTImageStorage
	whole := datasetOf(t, reportMaker{}, "odd", "whole")
	for _, x := range []struct {
		name     string
		class    uid.UID
		instance string
		data     []byte
		want     string // what the answer holds; "" for success
	}{
		{"a sound report", dose, "whole", whole, ""},
		{"one that is cut off", dose, "cut", datasetOf(t, reportMaker{cut: 50}, "odd", "cut"), "C000H"},
		{"a value that claims 4 GB", dose, "claimed", claimed(t, datasetOf(t, reportMaker{}, "odd", "claimed")), "C000H"},
		{"sequences without end", dose, "deep", deep(), "C000H"},
		{"a text", dose, "text", []byte(strings.Repeat("Dear colleague, thank you. ", 100)), "C000H"},
		{"another instance than announced", dose, "announced", whole, "the peer answered"},
		{"something else under a UID that is taken", dose, "whole", datasetOf(t, reportMaker{}, "changed", "whole"), ""},
		{"an image announced as a report", dose, "image", datasetOf(t, reportMaker{kind: "image"}, "odd", "image"), "the peer answered"},
		{"an image", image, "image", datasetOf(t, reportMaker{kind: "image"}, "odd", "image"), ""},
		{"a report of an unknown vendor", dose, "vendor", datasetOf(t, reportMaker{kind: "odd vendor"}, "vendor", "vendor"), ""},
		{"the next sound one", dose, "next", datasetOf(t, reportMaker{}, "next", "next"), ""},
	} {
		err := put(ctx, a, x.class, x.instance, x.data)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v; want %q", x.name, err, x.want)
		}
	}
	check(t, a.Release(ctx))
	exams, _ := tables(t, s, 2)
	for _, row := range exams {
		if row["dlp_mgycm"] != "7" && row["study_instance_uid"] != dosetest.UID("vendor").String() {
			t.Errorf("examination = %v", row)
		}
	}
	r, err := http.Get("http://" + s.http + "/dose/ct")
	check(t, err)
	_, err = io.Copy(io.Discard, r.Body)
	check(t, err)
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("the page: %s", r.Status)
	}
	check(t, s.stop())
	noCanary(t, s.log())
	if out := command(t, exitDone, "check", "--data", data); !strings.Contains(out, "archive: 4 instances, 5 objects") {
		t.Errorf("check: %s", out)
	}
}

// TestOddFiles: the same as files, by hand. Each has its reason, none stops others.
func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, b, 0o600))
		return path
	}
	whole, err := reportMaker{day: "20260302"}.file("f", "whole", "7", []string{"f1:1:7"})
	check(t, err)
	image, err := reportMaker{day: "20260302", kind: "image"}.file("f", "image", "7", []string{"f1:1:7"})
	check(t, err)
	vendor, err := reportMaker{day: "20260302", kind: "odd vendor"}.file("f", "vendor", "7", []string{"f1:1:7"})
	check(t, err)
	files := []string{
		file("cut.dcm", whole[:len(whole)-60]),
		file("claimed.dcm", claimed(t, whole)),
		file("deep.dcm", append(bytes.Clone(whole[:200]), deep()...)),
		file("text.txt", []byte("Dear colleague,\n")),
		file("empty", nil),
		file("image.dcm", image),
		file("vendor.dcm", vendor),
		file("whole.dcm", whole),
	}
	var out, log bytes.Buffer
	sys := &system{In: strings.NewReader(""), Out: &out, Err: &log, Now: time.Now}
	if code := run(t.Context(), append([]string{"dose", "read", "--json"}, files...), sys); code != exitFailed {
		t.Errorf("dose read: exit code %d; want 1", code)
	}
	for _, f := range files {
		if line := fmt.Sprintf(`"file": %q`, f); strings.Count(out.String(), line) != 1 {
			t.Errorf("dose read does not have %s once", line)
		}
	}
	if n := strings.Count(out.String(), `"error": null`); n != 2 && n != 3 { // the whole report and the image; that of the unknown vendor may be read in part
		t.Errorf("%d files without an error: %s", n, &out)
	}
	noCanary(t, out.String()+log.String())
	out.Reset()
	log.Reset()
	data := filepath.Join(t.TempDir(), "data")
	if code := run(t.Context(), append([]string{"import", "--log-level", "debug", "--data", data}, files...), sys); code != exitFailed {
		t.Errorf("import: exit code %d; want 1", code)
	}
	if got := out.String(); got != "3 accepted, 0 known before, 0 set aside, 5 refused\n" {
		t.Errorf("import: %s%s", got, &log)
	}
	for _, f := range files[:5] {
		if !strings.Contains(log.String(), "refused: "+f+": ") {
			t.Errorf("import does not say why it refused %s: %s", filepath.Base(f), &log)
		}
	}
	noCanary(t, log.String())
}

// TestStoreSpoilt: what others have sent, spoilt, comes by C-STORE, again and again. Each
// is taken or refused; the association of somebody else goes on all the while and loses
// nothing, memory stays bounded, and what was taken can be read.
func TestStoreSpoilt(t *testing.T) {
	slow(t)
	t.Parallel()
	files, _ := filepath.Glob("/usr/lib/python3/dist-packages/pydicom/data/test_files/*.dcm")
	if len(files) == 0 {
		t.Skip("python3-pydicom with its files is not installed")
	}
	s := serve(t, t.TempDir())
	before := s.peak(t)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()

	done, good := make(chan struct{}), make(chan int, 1)
	go func() { // who sends what is sound
		n := 0
		defer func() { good <- n }()
		a, err := dial(ctx, s)
		if err != nil {
			t.Errorf("the sound one: %v", err)
			return
		}
		for ; ; n++ {
			select {
			case <-done:
				if err := a.Release(ctx); err != nil {
					t.Errorf("the sound one: %v", err)
				}
				return
			default:
			}
			name := fmt.Sprintf("sound-%d", n)
			b, err := reportMaker{}.dataset("sound", name)
			if err == nil {
				err = put(ctx, a, uid.XRayRadiationDoseSRStorage, name, b)
			}
			if err != nil {
				t.Errorf("sound object %d: %v", n, err)
				return
			}
		}
	}()

	random := rand.New(rand.NewPCG(4, 5))
	taken, refused, broken := 0, 0, 0
	for _, name := range files {
		whole, err := os.ReadFile(name)
		check(t, err)
		f, err := dicom.Read(bytes.NewReader(whole), nil)
		if err != nil || len(whole) > 300_000 || f.TransferSyntax.IsZero() || f.UID(tag.SOPInstanceUID).IsZero() {
			continue
		}
		class, sop := f.UID(tag.SOPClassUID), f.UID(tag.SOPInstanceUID)
		var a *dimse.Association
		for times := range 12 {
			if a == nil {
				a, err = dimse.Dial(ctx, s.dicom, dimse.Config{
					Calling: "SPOILER", Called: "RADAGORA", Now: time.Now, Timeout: 20 * time.Second,
					Propose: []dimse.Proposal{{SOPClass: class, Syntaxes: []uid.UID{f.TransferSyntax}}, {SOPClass: uid.Verification, Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}}},
				})
				check(t, err)
			}
			if !a.Accepts(class, f.TransferSyntax) {
				break
			}
			status, err := a.Store(ctx, dimse.Outgoing{
				SOPClass: class, SOPInstance: sop, TransferSyntax: f.TransferSyntax, Data: bytes.NewReader(spoilt(random, whole[f.Start:], times)),
			})
			switch {
			case err != nil:
				broken, a = broken+1, nil
			case status.Err() == nil:
				taken++
			default:
				refused++
			}
			if times == 0 && (err != nil || status.Err() != nil) && f.Start > 132 {
				t.Logf("%s is not taken whole: %v %v", filepath.Base(name), status, err)
			}
		}
		if a != nil {
			_, err := a.Echo(ctx)
			check(t, err)
			check(t, a.Release(ctx))
		}
	}
	close(done)
	n := <-good
	t.Logf("%d taken, %d refused, %d associations broken; meanwhile %d sound objects", taken, refused, broken, n)
	if taken < 50 || refused < 50 || n < 50 {
		t.Errorf("%d taken, %d refused, %d sound ones: too few to tell", taken, refused, n)
	}
	if broken > 0 {
		t.Errorf("%d associations broke: a spoilt object is refused, not the connection", broken)
	}
	if grown := s.peak(t) - before; grown > 400<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	for _, what := range []string{"", "/metadata"} {
		r, err := http.Get("http://" + s.http + "/dicom-web/instances?limit=2000")
		check(t, err)
		found, err := io.ReadAll(r.Body)
		check(t, errors.Join(err, r.Body.Close()))
		all := retrieveURL.FindAllSubmatch(found, -1)
		if len(all) < n {
			t.Errorf("%d found; %d sound ones were sent", len(all), n)
		}
		for _, address := range all {
			r, err := http.Get(string(address[1]) + what)
			check(t, err)
			_, err = io.Copy(io.Discard, r.Body)
			if check(t, errors.Join(err, r.Body.Close())); r.StatusCode != http.StatusOK {
				t.Errorf("%s%s: found, and then %d", address[1], what, r.StatusCode)
			}
		}
	}
	check(t, s.stop())
}

// peak returns the most memory that the server has had, in bytes.
func (s *server) peak(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	check(t, err)
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kib int64
	_, err = fmt.Sscan(rest, &kib)
	check(t, err)
	return kib << 10
}
