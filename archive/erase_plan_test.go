package archive

import (
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
)

// TestErasureFindsByIndex: what every erasure asks of the tables that grow with the
// archive is found by an index.
func TestErasureFindsByIndex(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	if err := d.Migrate(t.Context(), "archive", Migrations()); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{dropCoerced, dropCoercedStudy} {
		plan, err := db.List(t.Context(), d, func(r *db.Rows) (s string, err error) {
			var a, b, c int
			return s, r.Scan(&a, &b, &c, &s)
		}, "explain query plan "+statement, "default", "1.2.3")
		if err != nil || len(plan) == 0 {
			t.Fatal(plan, err)
		}
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN") {
				t.Errorf("%s\n%s", step, statement)
			}
		}
	}
}
