package finding_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/finding"
)

func TestPersonal(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r, err := finding.Open(t.Context(), d, newRecorder(t, d), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		scope := finding.Scope{Site: "default", Rule: "dose.trigger"}
		about := func(object string) finding.Derived {
			return finding.Derived{Rule: scope.Rule, Subject: finding.Subject{Site: "default", Exam: "CT_HEAD", Object: object}, Measured: finding.Measured{Value: 1}}
		}
		all := []finding.Derived{about("1.2.3"), about("1.2.3_1"), about("1.2.33_1"), about("1.2.4_1"), about("")}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := r.Derive(t.Context(), tx, scope, all, nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		who := access.With(t.Context(), access.Who{ID: "m", Grants: access.Everywhere(access.Manager)})
		if _, err := r.Decide(who, finding.Decision{ID: all[1].ID(), Note: "the patient moved"}); err != nil {
			t.Fatal(err)
		}
		h := finding.Personal{Register: r, Studies: func(context.Context, db.Querier, access.Person) ([]string, error) { return []string{"1.2.3"}, nil }}
		p := access.Person{Site: "default", ID: "|A"}
		n, noted := 0, false
		for rec, err := range h.Export(t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			noted = noted || strings.Contains(string(rec.Data), "the patient moved")
		}
		if n != 2 || !noted {
			t.Errorf("exported %d findings, with the note: %v; want 2", n, noted)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) (err error) {
			n, err = h.Erase(t.Context(), tx, p)
			return err
		}); err != nil || n != 2 {
			t.Errorf("erased %d, %v; want 2", n, err)
		}
		list, err := r.List(t.Context(), finding.Filter{Site: "default"})
		if err != nil || len(list) != 3 {
			t.Errorf("%d findings are left, %v; want those of others and of groups", len(list), err)
		}
		var notes int
		if err := d.QueryRow(t.Context(), `select (select count(*) from finding_note) + (select count(*) from finding_human)`).Scan(&notes); err != nil || notes != 0 {
			t.Errorf("%d notes are left, %v", notes, err)
		}
	})
}
