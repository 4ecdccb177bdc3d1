package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// TestSeriesMatchThemselves asks findscu and QIDO-RS for series of studies whose instances
// do not agree: each is found, and answered, by what it says itself (PS3.4 C.2.2.2).
func TestSeriesMatchThemselves(t *testing.T) {
	w := openWard(t)
	for n, x := range []struct{ study, series, patient, accession string }{
		{"1.2.9.1", "1.2.9.1.1", "P1", "ACC1"},
		{"1.2.9.1", "1.2.9.1.2", "P1", "ACC2"},
		{"1.2.9.2", "1.2.9.2.1", "P1", "ACC3"},
		{"1.2.9.2", "1.2.9.2.2", "P2", "ACC3"},
	} {
		sop := uid.Must(x.series + ".9")
		d, err := dicom.NewBuilder().UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, sop).
			UID(tag.StudyInstanceUID, uid.Must(x.study)).UID(tag.SeriesInstanceUID, uid.Must(x.series)).
			Text(tag.PatientID, x.patient).Text(tag.PatientName, "LEAK^CANARY").Text(tag.AccessionNumber, x.accession).
			Text(tag.StudyDate, "20310401").Text(tag.Modality, "CT").Int(tag.SeriesNumber, int64(n+1)).Dataset()
		check(t, err)
		var b bytes.Buffer
		check(t, dicom.Write(&b, d, uid.ExplicitVRLittleEndian))
		r, err := w.h.Archive.Receive(w.ctx, archive.Arrival{
			Site: at, Actor: "ae:CT1", Door: "dimse", CallingAE: "CT1", CalledAE: "RADAGORA",
			SOPClass: uid.CTImageStorage, SOPInstance: sop, TransferSyntax: uid.ExplicitVRLittleEndian, Data: &b,
		})
		check(t, err)
		_, err = r.Wait(w.ctx)
		check(t, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	handler, _, err := w.h.handler(w.ctx, settings{Data: t.TempDir(), AE: "RADAGORA", HTTP: l.Addr().String(), NoAuth: true}, &watch{}, newMetrics(w.h), l)
	check(t, err)
	s := httptest.NewServer(handler)
	defer s.Close()
	for _, c := range []struct {
		name string
		keys [2]string // for C-FIND and for QIDO-RS
		want []string
	}{
		{"the second accession number of a study", [2]string{"0008,0050=ACC2", "AccessionNumber=ACC2"}, []string{"1.2.9.1.2 ACC2 P1"}},
		{"the first", [2]string{"0008,0050=ACC1", "00080050=ACC1"}, []string{"1.2.9.1.1 ACC1 P1"}},
		{"the second patient of a study", [2]string{"0010,0020=P2", "PatientID=P2"}, []string{"1.2.9.2.2 ACC3 P2"}},
		{"the first", [2]string{"0010,0020=P1", "PatientID=P1"}, []string{"1.2.9.1.1 ACC1 P1", "1.2.9.1.2 ACC2 P1", "1.2.9.2.1 ACC3 P1"}},
		{"nothing of it", [2]string{"0008,0050=ACC9", "AccessionNumber=ACC9"}, nil},
	} {
		t.Run("findscu: "+c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, findSeries(t, w.addr, c.keys[0])); diff != "" {
				t.Errorf("series (-want +got):\n%s", diff)
			}
		})
		t.Run("QIDO-RS: "+c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, qidoSeries(t, s.URL, c.keys[1])); diff != "" {
				t.Errorf("series (-want +got):\n%s", diff)
			}
		})
	}
}

// findSeries asks findscu for series, with a key.
func findSeries(t *testing.T, addr, key string) (all []string) {
	t.Helper()
	path, err := exec.LookPath("findscu")
	if err != nil {
		t.Skip("findscu not found: install dcmtk")
	}
	dir := t.TempDir()
	host, port, err := net.SplitHostPort(addr)
	check(t, err)
	args := []string{"-S", "-X", "-od", dir, "-aet", "CT1", "-aec", "RADAGORA", "-k", "0008,0052=SERIES", "-k", "0020,000E", "-k", "0008,0050", "-k", "0010,0020", "-k", key, host, port}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("findscu: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.dcm"))
	check(t, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		check(t, err)
		f, err := dicom.Read(bytes.NewReader(b), nil)
		check(t, err)
		all = append(all, f.UID(tag.SeriesInstanceUID).String()+" "+f.Text(tag.AccessionNumber)+" "+f.Text(tag.PatientID))
	}
	slices.Sort(all)
	return all
}

// qidoSeries asks QIDO-RS for series, with a key.
func qidoSeries(t *testing.T, server, key string) (all []string) {
	t.Helper()
	name, value, _ := strings.Cut(key, "=")
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/dicom-web/series?includefield=AccessionNumber,PatientID&"+name+"="+url.QueryEscape(value), http.NoBody)
	check(t, err)
	q.Header.Set("Accept", "application/dicom+json")
	r, err := http.DefaultClient.Do(q)
	check(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	check(t, err)
	if r.StatusCode == http.StatusNoContent {
		return nil
	}
	if r.StatusCode != http.StatusOK {
		t.Fatalf("QIDO-RS: %s", r.Status)
	}
	var rows []map[string]struct{ Value []json.RawMessage }
	check(t, json.Unmarshal(body, &rows))
	text := func(m map[string]struct{ Value []json.RawMessage }, t string) (s string) {
		if v := m[t].Value; len(v) > 0 {
			_ = json.Unmarshal(v[0], &s)
		}
		return s
	}
	for _, row := range rows {
		all = append(all, text(row, "0020000E")+" "+text(row, "00080050")+" "+text(row, "00100020"))
	}
	slices.Sort(all)
	return all
}
