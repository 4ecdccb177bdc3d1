package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/dose/dosetest"
	"radagora/person"
	"radagora/site"
)

// A searcher is somebody of a role at the doors.
type searcher struct {
	*walk
	role access.Role
}

// ask returns the status and the body of an answer.
func (s searcher) ask(path, accept string) (int, string) {
	s.Helper()
	q, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.server.URL+path, nil)
	check(s.T, err)
	q.Header.Set("Accept", accept)
	r := s.do(s.T, s.role, q)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	check(s.T, err)
	return r.StatusCode, string(b)
}

// found returns what a search over DICOMweb finds: the values of an attribute, each
// once, in order.
func (s searcher) found(path, tag string) []string {
	s.Helper()
	status, body := s.ask("/dicom-web"+path, "application/dicom+json")
	switch status {
	case http.StatusNoContent:
		return nil
	case http.StatusForbidden:
		return []string{"refused"}
	case http.StatusOK:
	default:
		s.Fatalf("%s as %s: %d %s", path, s.role, status, body)
	}
	var rows []map[string]struct{ Value []any }
	check(s.T, json.Unmarshal([]byte(body), &rows))
	var all []string
	for _, row := range rows {
		text := "-"
		if v := row[tag].Value; len(v) > 0 {
			text, _ = v[0].(string)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// related brings four persons: ANNA, of whom the referrer sent one number and whose
// other one is linked; BERTA, who is the patient; and CLARA, whom only departments know.
func related(t *testing.T, w *walk) {
	t.Helper()
	who, err := w.h.Users.Who(t.Context(), access.Local)
	check(t, err)
	ctx := openly(access.With(t.Context(), who), w.h)
	for _, m := range []struct {
		name string
		m    reportMaker
	}{
		{"anna", reportMaker{patient: "REACH^ANNA", id: "RA-1", day: "20260302"}},
		{"anna2", reportMaker{patient: "REACH^ANNA", id: "RA-2", day: "20260303"}},
		{"berta", reportMaker{patient: "REACH^BERTA", id: "RB", day: "20260304"}},
		{"clara", reportMaker{patient: "REACH^CLARA", id: "RC", day: "20260305"}},
	} {
		bring(ctx, t, w.h, m.m, m.name)
	}
	check(t, w.h.settle(ctx))
	_, err = w.h.Persons.Link(ctx, person.Link{Site: site.Default, Kind: person.Linked, A: "|RA-1", B: "|RA-2", Reason: "one card"})
	check(t, err)
	of := func(role access.Role) access.User {
		u, err := w.h.Users.ByLogin(ctx, "demo-"+string(role))
		check(t, err)
		return u
	}
	check(t, w.h.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := w.h.Facts.Relate(ctx, tx, access.Relation{Site: site.Default, User: of(access.Referrer).ID, Kind: access.Referred, Person: "|RA-1"})
		return err
	}))
	patient := of(access.Patient)
	patient.Patient = "|RB"
	check(t, w.h.DB.Write(ctx, func(tx *db.Tx) error { return w.h.Users.Change(ctx, tx, patient) }))
	w.clients[access.Patient] = w.enter(access.Patient)
}

// TestSearchesKeepWithinReach searches through the doors as those who may not see
// everybody: what is found, by any list and any question, is what they may read.
func TestSearchesKeepWithinReach(t *testing.T) {
	if testing.Short() {
		t.Skip("it opens an installation with an account for each role: left out with -short")
	}
	w := newWalk(t)
	related(t, w)
	const patientID, study = "00100020", "0020000D"
	uids := map[string]string{}
	for _, x := range []string{"anna", "anna2", "berta", "clara"} {
		uids[x] = dosetest.UID("study " + x).String()
	}
	everybody := []string{"RA-1", "RA-2", "RB", "RC"}
	for _, c := range []struct {
		role  access.Role
		finds []string // patient IDs
		reads []string // studies
	}{
		{access.Radiologist, everybody, []string{"anna", "anna2", "berta", "clara"}},
		{access.Referrer, []string{"RA-1", "RA-2"}, []string{"anna", "anna2"}},
		{access.Patient, []string{"RB"}, []string{"berta"}},
		{access.Researcher, []string{"refused"}, nil},
		{access.Learner, []string{"refused"}, nil},
		{access.Manager, []string{"refused"}, nil},
		{access.Auditor, []string{"refused"}, nil},
	} {
		t.Run(string(c.role), func(t *testing.T) {
			s := searcher{w, c.role}
			s.walk = &walk{T: t, h: w.h, server: w.server, clients: w.clients}
			refused := slices.Equal(c.finds, []string{"refused"})
			for _, path := range []string{"/studies", "/series?includefield=00100020", "/instances?includefield=00100020", "/studies?PatientName=REACH*", "/studies?fuzzymatching=true&PatientName=reach", "/studies?includefield=all", "/studies?StudyDate=20260301-20260331"} {
				if diff := cmp.Diff(c.finds, s.found(path, patientID)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
			for x, uid := range uids {
				may := slices.Contains(c.reads, x)
				for path, tag := range map[string]string{
					"/studies?StudyInstanceUID=" + uid: study, "/studies/" + uid + "/series": study, "/studies/" + uid + "/instances": study,
				} {
					if got := s.found(path, tag); !refused && (len(got) > 0) != may {
						t.Errorf("%s: finds %v; may %v", path, got, may)
					}
				}
				status, body := s.ask("/dicom-web/studies/"+uid+"/metadata", "application/dicom+json")
				if (status == http.StatusOK) != may || !may && strings.Contains(body, "REACH") {
					t.Errorf("metadata of %s: %d; may %v", x, status, may)
				}
				if status, _ := s.ask("/dicom-web/studies/"+uid, `multipart/related; type="application/dicom"`); (status == http.StatusOK) != may {
					t.Errorf("objects of %s: %d; may %v", x, status, may)
				}
			}
			if _, body := s.ask("/images", "text/html"); c.role == access.Radiologist || c.role == access.Referrer {
				for _, x := range c.reads {
					if !strings.Contains(body, uids[x]) {
						t.Errorf("the list of studies lacks %s: the search below finds nothing", x)
					}
				}
			}
			for _, path := range []string{"/images", "/images?text=REACH", "/images?patient=REACH", "/search?q=REACH", "/dose/ct", "/dose/ct/apart", "/findings", "/"} {
				_, body := s.ask(path, "text/html")
				for x, id := range map[string]string{"anna": "RA-1", "anna2": "RA-2", "berta": "RB<", "clara": "RC<"} {
					if !slices.Contains(c.reads, x) && (strings.Contains(body, id) || strings.Contains(body, uids[x])) {
						t.Errorf("the page %s shows %s", path, x)
					}
				}
			}
		})
	}
}
