package main

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dose/dosetest"
)

// TestOrderStandsBesideTheLevel: what a RIS ordered and how heavy it said the patient was
// come by MLLP, the dose report from the scanner. The comparison with the level is known
// by the order, with the origin and age of the weight beside it, on the page, in the
// table that is taken along and on the command line.
func TestOrderStandsBesideTheLevel(t *testing.T) {
	slow(t)
	t.Parallel()
	storescu := dcmtk(t, "storescu")
	data := t.TempDir()
	s := serve(t, data, "--mllp", "127.0.0.1:0")
	now := time.Now()
	day, start, weighed := now.Format("20060102"), now.Format("20060102")+"095500", now.AddDate(0, 0, -3).Format("20060102")+"0000"
	_, err := sender(t, s).Send(t.Context(), hl7Message(
		"ORM^O01", "1", now, "PID|1||77^^^HIS^PI||Muster^Anna||19700203|F", "ORC|NW|P77|F77||||^^^"+start,
		"OBR|1|P77|F77|CTNNH^CT NNH nativ^99RIS||||||||||||||A77|RP77|||||CT|||^^^"+start+"||||Sinus disease",
		"OBX|1|NM|29463-7^Weight^LN||72|kg|||||F|||"+weighed,
	))
	check(t, err)
	host, port, err := net.SplitHostPort(s.dicom)
	check(t, err)
	if out, ok := runs(t, storescu, "-aet", "CT1", "-aec", "RADAGORA", host, port, sinusReport(t, day)); !ok {
		t.Fatalf("storescu: %s", out)
	}
	s.until(t, "the order tells indication and weight", func() bool {
		all := csvOf(t, s, "examinations")
		return len(all) == 1 && all[0]["indication_known_by"] == "order" && all[0]["weight_kg"] == "72"
	})
	name := base64.RawURLEncoding.EncodeToString([]byte("code\x00CTNNH (99RIS)"))
	post(t, s, "/dose/mapping/alone", url.Values{"alone": {"yes"}, "why": {"nobody else is here"}})
	post(t, s, "/dose/mapping", url.Values{"id": {name}, "exam": {"CT_SINUS"}})
	post(t, s, "/settings/content/govern", url.Values{"set": {"dose/level/uk_ndrl_2024"}, "from": {"2024-11-20"}})
	s.until(t, "the order tells the examination", func() bool { return csvOf(t, s, "examinations")[0]["exam_code"] == "CT_SINUS" })
	hold := func(where string, got, want map[string]string) {
		for column, text := range want {
			if got[column] != text {
				t.Errorf("%s: %s is %q; want %q", where, column, got[column], text)
			}
		}
	}
	hold("examinations", csvOf(t, s, "examinations")[0], map[string]string{
		"indication_code": "SINUS_DISEASE", "weight_source": "hl7", "weight_origin": "RIS HOSPITAL", "weight_age_d": "3",
	})
	rows := map[string]map[string]string{}
	for _, r := range csvOf(t, s, "table") {
		rows[r["quantity"]] = r
	}
	hold("levels", rows["dlp"], map[string]string{
		"exam_code": "CT_SINUS", "indication_code": "SINUS_DISEASE", "indication_known_by": "order", "median": "150", "level": "160", "n": "1", "weights_from": "hl7 1",
	})
	one := csvOf(t, s, "examinations")[0]
	for path, wants := range map[string][]string{
		"/dose/ct?period=all": {"Sinus disease", "known from the coded or mapped reason of the request"},
		"/dose/examinations/" + one["study_instance_uid"] + "_" + one["examination"]: {"A77", "kg, message of RIS HOSPITAL, 3 days before"},
	} {
		code, body := get(s, path)
		for _, want := range wants {
			if code != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s: %d, without %q", path, code, want)
			}
		}
	}
	check(t, s.stop())
	for _, name := range []string{"A77", dosetest.UID("sinus").String()} {
		out := strings.Join(strings.Fields(command(t, exitDone, "dose", "examination", "--data", data, name)), " ")
		for _, want := range []string{"CT_SINUS", "SINUS_DISEASE known by: order", "order A77 examination known by: order", "weight 72 kg hl7 RIS HOSPITAL, 3 d before, used", "median 150 mGy.cm of 1 level 160 (dose/level/uk_ndrl_2024"} {
			if !strings.Contains(out, want) {
				t.Errorf("radagora dose examination %s lacks %q: %s", name, want, out)
			}
		}
	}
	command(t, exitFailed, "dose", "examination", "--data", data, "nothing")
}

// sinusReport writes a CT dose report of the order A77 whose protocol says nothing and
// that does not know how heavy the patient was.
func sinusReport(t *testing.T, day string) string {
	t.Helper()
	scan := dosetest.Scan("sinus scan", "11", "150")
	scan.Protocol, scan.Phantom = "Routine", dosetest.Head16
	r := dosetest.New("sinus", "sinus dose", "150", scan)
	r.PatientID, r.PatientName, r.Weight, r.Size, r.StudyDate, r.Accession = "77", "Muster^Anna", "", "", day, "A77"
	r.Header = func(b *dicom.Builder) { b.Text(tag.IssuerOfPatientID, "HIS") }
	b, err := r.File()
	check(t, err)
	file := filepath.Join(t.TempDir(), "sinus.dcm")
	check(t, os.WriteFile(file, b, 0o600))
	return file
}
