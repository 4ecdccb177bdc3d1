package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/connect"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/site"
	"radagora/worklist"
)

// pythonSends sends with python-hl7: messages in one connection, whose answers it
// checks, and a file of messages with its command.
const pythonSends = `
import sys, hl7
from hl7.client import MLLPClient
host, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with MLLPClient(host, port) as c:
    for raw in open(name, encoding="utf-8", newline="").read().split("\n"):
        m = hl7.parse(raw)
        a = hl7.parse(c.send_message(m).decode("utf-8").strip("\x0b\x1c\r"))
        assert str(a["MSA.F1"]) == "AA", str(a)
        assert str(a["MSA.F2"]) == str(m["MSH.F10"]), str(a)
print("ok")
`

// TestPythonSends has an independent implementation, python-hl7 as Debian ships it,
// send with its library and its command.
func TestPythonSends(t *testing.T) {
	if out, ok := runs(t, "/usr/bin/python3", "-c", "import hl7.client"); !ok {
		t.Skipf("python3-hl7 not found: %s", out)
	}
	s := serve(t, t.TempDir(), "--mllp", "127.0.0.1:0")
	host, port, err := net.SplitHostPort(s.hl7)
	check(t, err)
	now := time.Now()
	start := now.Add(time.Hour).Format("20060102150405")
	var lines []string
	for _, m := range [][]byte{
		hl7Message("ADT^A04", "P1", now, "EVN|A04", "PID|1||77^^^HIS^PI||Muster^Änne||19800203|F"),
		hl7Message("ORM^O01", "P2", now.Add(time.Second), "PID|1||77^^^HIS^PI||Muster^Änne", "ORC|NW|P77|F77||||^^^"+start,
			"OBR|1|P77|F77|CTHEAD^CT head^L||||||||||||||A77|RP77|||||CT|||^^^"+start),
	} {
		lines = append(lines, strings.TrimSuffix(string(m), "\r"))
	}
	name := filepath.Join(t.TempDir(), "messages")
	check(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600))
	if out, ok := runs(t, "/usr/bin/python3", "-c", pythonSends, host, port, name); !ok || !strings.Contains(out, "ok") {
		t.Fatalf("python-hl7: %s", out)
	}
	s.until(t, "the order is on the worklist", func() bool {
		_, body := get(s, "/api/v1/worklist")
		return strings.Contains(body, `"A77"`) && strings.Contains(body, "Muster^Änne")
	})
	send, err := exec.LookPath("mllp_send")
	if err != nil {
		t.Skip("mllp_send not found")
	}
	loose := string(hl7Message("ORM^O01", "P3", now.Add(2*time.Second), "PID|1||77^^^HIS^PI||Muster^Änne", "ORC|CA|P77|F77", "OBR|1|P77|F77|CTHEAD^CT head^L"))
	check(t, os.WriteFile(name, []byte(loose), 0o600))
	if out, ok := runs(t, send, "--loose", "--port", port, "--file", name, host); !ok || !strings.Contains(out, "MSA|AA|P3") {
		t.Fatalf("mllp_send: %s", out)
	}
	s.until(t, "the order is cancelled", func() bool {
		_, body := get(s, "/settings/messages?state=applied")
		return strings.Contains(body, "P3")
	})
}

// TestFindscuSeesAnOrderAtOnce orders by message and asks as a machine does until it is
// offered. How long that took is logged: docs/measurements.md has figures.
func TestFindscuSeesAnOrderAtOnce(t *testing.T) {
	dcmtk(t, "findscu")
	s := serve(t, t.TempDir(), "--mllp", "127.0.0.1:0")
	c := sender(t, s)
	rounds := 3
	if os.Getenv(soak) != "" {
		rounds = 50
	}
	var took []time.Duration
	for i := range rounds {
		now := time.Now()
		start := now.Add(time.Hour).Format("20060102150405")
		n := fmt.Sprint(100 + i)
		if _, err := c.Send(t.Context(), hl7Message("ORM^O01", n, now, "PID|1||"+n+"^^^HIS^PI||Muster^Nr"+n, "ORC|NW|P"+n+"|F"+n+"||||^^^"+start,
			"OBR|1|P"+n+"|F"+n+"|CTHEAD^CT head^L||||||||||||||A"+n+"|RP"+n+"|||||CT|||^^^"+start)); err != nil {
			t.Fatal(err)
		}
		acked := time.Now()
		for end := acked.Add(30 * time.Second); !slices.Contains(findscu(t, s.dicom, "RADAGORA", "0008,0050=A"+n), "A"+n+" Muster^Nr"+n); {
			if time.Now().After(end) {
				t.Fatal("findscu does not see the order after half a minute")
			}
		}
		took = append(took, time.Since(acked))
	}
	slices.Sort(took)
	t.Logf("from acknowledgement to the end of the findscu that sees it: median %v, most %v of %d", took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), rounds)
}

// TestMergeAroundImages has a merge come before, while and after images of the patient
// come, and an order with them, and expects the same archive, person and worklist.
func TestMergeAroundImages(t *testing.T) {
	slow(t)
	t.Parallel()
	storescu := dcmtk(t, "storescu")
	now := time.Now().Truncate(time.Second)
	start := now.Add(time.Hour).Format("20060102150405")
	admit := hl7Message("ADT^A04", "1", now, "EVN|A04", "PID|1||T9^^^HIS^PI||Unknown^A")
	order := hl7Message("ORM^O01", "2", now.Add(time.Second), "PID|1||T9^^^HIS^PI||Unknown^A", "ORC|NW|P9|F9||||^^^"+start,
		"OBR|1|P9|F9|CTHEAD^CT head^L||||||||||||||A9|RP9|||||CT|||^^^"+start, "ZDS|1.2.3.4.9^RIS^Application^DICOM")
	later := hl7Message("ORM^O01", "4", now.Add(3*time.Second), "PID|1||815^^^HIS^PI||Muster^Erika", "ORC|NW|P10|F10||||^^^"+start,
		"OBR|1|P10|F10|CTABD^CT abdomen^L||||||||||||||A10|RP10|||||CT|||^^^"+start, "ZDS|1.2.3.4.10^RIS^Application^DICOM")
	merge := hl7Message("ADT^A40", "3", now.Add(2*time.Second), "EVN|A40", "PID|1||815^^^HIS^PI||Muster^Erika||19800203|F", "MRG|T9^^^HIS^PI")
	var files []string
	for i := range 12 {
		files = append(files, imageOf(t, "T9", "Unknown^A", "A9", "1.2.3.4.9", i))
	}
	want := ""
	for _, c := range []struct {
		name   string
		before [][]byte
		during []byte
		after  [][]byte
	}{
		{"after", [][]byte{admit, order}, nil, [][]byte{merge, later}},
		{"before", [][]byte{merge, admit, order, later}, nil, nil},
		{"during", [][]byte{admit, order}, merge, [][]byte{later}},
		{"and the order last", nil, merge, [][]byte{later, admit, order}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := t.TempDir()
			s := serve(t, data, "--mllp", "127.0.0.1:0")
			line := sender(t, s)
			send := func(messages ...[]byte) {
				for _, m := range messages {
					if m == nil {
						continue
					}
					if _, err := line.Send(t.Context(), m); err != nil {
						t.Fatal(err)
					}
				}
			}
			host, port, err := net.SplitHostPort(s.dicom)
			check(t, err)
			images := func(files ...string) {
				if out, ok := runs(t, storescu, append([]string{"-aet", "CT1", "-aec", "RADAGORA", host, port}, files...)...); !ok {
					t.Fatalf("storescu: %s", out)
				}
			}
			send(c.before...)
			images(files[:4]...)
			done := make(chan bool)
			go func() { defer close(done); images(files[4:]...) }()
			send(c.during)
			<-done
			send(c.after...)
			s.until(t, "all is settled", func() bool {
				code, body := get(s, "/settings/messages?state=received")
				_, orders := get(s, "/api/v1/worklist")
				return code == http.StatusOK && strings.Contains(body, "No message fits") && strings.Contains(orders, `"A9"`) && strings.Contains(orders, `"A10"`)
			})
			got := ""
			s.until(t, "all images are there", func() bool { got = stateAround(t, s); return strings.Contains(got, "[12] images") })
			check(t, s.stop())
			inside(t, data, func(ctx context.Context, h *house) { got += personAround(ctx, t, h) })
			if want == "" {
				want = got
				for _, word := range []string{"815", "Muster^Erika", "A9", "A10", "[12] images", "match 1.2.3.4.9 "} {
					if !strings.Contains(want, word) {
						t.Errorf("the state lacks %s:\n%s", word, want)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("another state (-want +got):\n%s", diff)
			}
		})
	}
}

// imageOf writes a small object and returns its file.
func imageOf(t *testing.T, id, name, accession, study string, n int) string {
	t.Helper()
	ds, err := dicom.NewBuilder().UID(tag.SOPClassUID, uid.SecondaryCaptureImageStorage).UID(tag.SOPInstanceUID, uid.Must(fmt.Sprintf("%s.1.%d", study, n+1))).
		Text(tag.StudyInstanceUID, study).Text(tag.SeriesInstanceUID, study+".1").Text(tag.Modality, "CT").Text(tag.StudyDate, "20261122").
		Text(tag.PatientID, id).Text(tag.IssuerOfPatientID, "HIS").Text(tag.PatientName, name).Text(tag.AccessionNumber, accession).Dataset()
	check(t, err)
	file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.dcm", n))
	f, err := os.Create(file)
	check(t, err)
	check(t, dicom.WriteFile(f, ds, uid.ExplicitVRLittleEndian))
	check(t, f.Close())
	return file
}

// stateAround says what the archive answers about studies.
func stateAround(t *testing.T, s *server) string {
	t.Helper()
	_, body := get(s, "/dicom-web/studies?includefield=00100020,00100010,00080050,00201208")
	var list []map[string]struct {
		Value []any `json:"Value"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return body
	}
	var lines []string
	for _, x := range list {
		lines = append(lines, fmt.Sprint("study ", x["0020000D"].Value, x["00100020"].Value, x["00100010"].Value, x["00080050"].Value, " ", x["00201208"].Value, " images"))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// personAround says what is known of the person, and what their orders and studies are.
func personAround(ctx context.Context, t *testing.T, h *house) string {
	t.Helper()
	var lines []string
	for _, key := range []string{"HIS|T9", "HIS|815"} {
		keys, err := h.Persons.Keys(ctx, site.Default, key)
		check(t, err)
		slices.Sort(keys)
		stays, err := h.Persons.Survivor(ctx, site.Default, key)
		check(t, err)
		known, err := h.Persons.Known(ctx, h.DB, site.Default, key, time.Time{})
		check(t, err)
		lines = append(lines, fmt.Sprint(keys, " ", stays))
		for kind, f := range known {
			lines = append(lines, key+" "+string(kind)+" "+f.Value)
		}
	}
	entries, err := h.Worklist.List(ctx, site.Default, worklist.Filter{From: "2020-01-01", To: "2100-01-01"})
	check(t, err)
	for _, e := range entries {
		p := e.Order.Patient
		lines = append(lines, fmt.Sprint("order ", e.Order.Accession, " ", e.Order.Study, " ", p.Issuer, " ", p.ID, " ", p.Name, " ", p.BirthDate, " ", p.Sex, " ", e.Order.State, " ", e.Step.State))
	}
	var studies []worklist.StudyState
	check(t, h.meanwhile(ctx, func(ctx context.Context) (err error) { // what comes behind the images may not have been done yet
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			studies, err = h.Worklist.StudyStates(ctx, site.Default, worklist.StudyFilter{})
			if err != nil || len(studies) == 1 && studies[0].Order != "" && studies[0].Instances == 12 {
				return err
			}
		}
		return nil
	}))
	for _, x := range studies {
		lines = append(lines, fmt.Sprint("match ", x.Study, " ", x.Match, " ", x.Reason, " ", x.Instances, " images"))
	}
	failed, err := h.Connect.Messages(ctx, site.Default, connect.Filter{States: []connect.State{connect.Failed, connect.Waiting}})
	check(t, err)
	for _, m := range failed {
		lines = append(lines, fmt.Sprint(m.Code, m.State, m.Reason, m.Detail))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
