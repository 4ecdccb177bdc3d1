package view

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/fault"
)

// The views for programs, in the order in which they are made. The last one tells whose
// the examinations are, and is read by those alone who were granted it.
var programs = []string{"v_examination", "v_event", "v_case", "v_level", "v_examination_person"}

// Identity is the view that names patients.
const Identity = "v_examination_person"

// Programs returns the names of the views for programs.
func Programs() []string { return append([]string(nil), programs...) }

// layoutView tells which definitions the views have.
const layoutView = "v_layout"

//go:embed sql/*.sql
var definitions embed.FS

// amounts of examinations and events as columns: the names that exports give them.
var (
	ofExaminations = [][2]string{
		{"dap_gym2", string(dose.QuantityDAP)},
		{"dap_fluoro_gym2", string(dose.QuantityDAPFluoro)},
		{"dap_acquisition_gym2", string(dose.QuantityDAPAcquis)},
		{"dap_plane_a_gym2", string(dose.QuantityDAPPlaneA)},
		{"dap_plane_b_gym2", string(dose.QuantityDAPPlaneB)},
		{"rp_gy", string(dose.QuantityRP)},
		{"rp_plane_a_gy", string(dose.QuantityRPPlaneA)},
		{"rp_plane_b_gy", string(dose.QuantityRPPlaneB)},
		{"fluoro_time_s", string(dose.QuantityFluoroTime)},
		{"images", string(dose.QuantityImages)},
		{"agd_mgy", string(dose.QuantityAGD)},
		{"agd_left_mgy", string(dose.QuantityAGDLeft)},
		{"agd_right_mgy", string(dose.QuantityAGDRight)},
		{"activity_mbq", string(dose.QuantityActivity)},
		{"activity_mbqkg", string(dose.QuantityActivityPerKg)},
		{"effective_msv", string(dose.QuantityEffective)},
	}
	ofEvents = [][2]string{
		{"dap_gym2", string(dose.QuantityDAP)},
		{"rp_gy", string(dose.QuantityRP)},
		{"agd_mgy", string(dose.QuantityAGD)},
		{"esd_mgy", string(dose.QuantityEntrance)},
		{"activity_mbq", string(dose.QuantityActivity)},
		{"exposure_index", string(dose.QuantityEI)},
		{"deviation_index", string(dose.QuantityDI)},
	}
)

// definition returns what a view selects.
func definition(name string) (string, error) {
	raw, err := fs.ReadFile(definitions, "sql/"+name+".sql")
	if err != nil {
		return "", err
	}
	var amounts strings.Builder
	switch name {
	case "v_examination":
		for _, a := range ofExaminations {
			fmt.Fprintf(&amounts, "    case when x.modality <> 'CT' then (select a.value from dose_amount a where a.site_id = x.site_id and a.study_uid = x.study_uid and a.examination = x.examination and a.quantity = '%s') end as %s,\n", a[1], a[0])
		}
	case "v_event":
		for _, a := range ofEvents {
			fmt.Fprintf(&amounts, "    (select a.value from dose_event_amount a where a.site_id = e.site_id and a.study_uid = e.study_uid and a.ordinal = e.ordinal and a.quantity = '%s') as %s,\n", a[1], a[0])
		}
	}
	text := strings.ReplaceAll(string(raw), "{amounts}\n", amounts.String())
	return strings.ReplaceAll(text, "{restricted}", access.Wished("s.site_id", "s.person", access.Restricted)), nil
}

// Define makes the views for programs where they are missing or of another version of the
// program. It comes after all tables are migrated.
func (s *Shelf) Define(ctx context.Context) error {
	texts := make([]string, len(programs))
	sum := sha256.New()
	for i, name := range programs {
		var err error
		if texts[i], err = definition(name); err != nil {
			return err
		}
		_, _ = sum.Write([]byte(texts[i])) // a hash takes all
	}
	digest := hex.EncodeToString(sum.Sum(nil))[:16]
	if s.defined(ctx, digest) {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, name := range append([]string{layoutView}, programs...) {
			if _, err := tx.Exec(ctx, "drop view if exists "+name); err != nil {
				return err
			}
		}
		for i, name := range programs {
			if _, err := tx.Exec(ctx, "create view "+name+" as "+texts[i]); err != nil {
				return fmt.Errorf("view %s: %w", name, err)
			}
		}
		if _, err := tx.Exec(ctx, "create view "+layoutView+" as select '"+digest+"' as layout"); err != nil {
			return err
		}
		if s.DB.Engine() != db.Postgres {
			return nil
		}
		readers, err := readers(ctx, tx)
		for _, r := range readers {
			if err == nil {
				err = grant(ctx, tx, r)
			}
		}
		return err
	})
}

// defined reports whether the views are there, of these definitions.
func (s *Shelf) defined(ctx context.Context, digest string) bool {
	var have string
	if s.DB.QueryRow(ctx, "select layout from "+layoutView).Scan(&have) != nil || have != digest {
		return false
	}
	for _, name := range programs {
		var n int
		if s.DB.QueryRow(ctx, "select count(*) from (select 1 from "+name+" where site_id = '') as none").Scan(&n) != nil {
			return false
		}
	}
	return true
}

// A Reader is an account of the database that may read the views for programs.
type Reader struct {
	Account  string
	Identity bool // whose the examinations are, too
}

// account is what an account of PostgreSQL is called here: nothing that needs quotes.
var account = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Readers returns the accounts that were granted the views.
func (s *Shelf) Readers(ctx context.Context) ([]Reader, error) {
	return readers(ctx, s.DB)
}

func readers(ctx context.Context, q db.Querier) ([]Reader, error) {
	return db.List(ctx, q, func(r *db.Rows) (x Reader, err error) { return x, r.Scan(&x.Account, &x.Identity) },
		`select account, identity from doseview_reader order by account`)
}

// Grant lets an account of PostgreSQL read the views, and nothing else by this. The
// account is there already; whose the examinations are, it reads with identity alone.
// Unsupported: the database is a file.
func (s *Shelf) Grant(ctx context.Context, siteID, by string, r Reader) error {
	if err := s.granting(r.Account); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := revoke(ctx, tx, r.Account); err != nil {
			return err
		}
		if err := grant(ctx, tx, r); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into doseview_reader (account, identity, added_at) values ($1, $2, $3)
			on conflict (account) do update set identity = excluded.identity, added_at = excluded.added_at`, r.Account, r.Identity, db.Millis(s.Now())); err != nil {
			return err
		}
		return s.journalled(ctx, tx, siteID, by, "dose.sql.granted", r.Account, map[string]any{"identity": r.Identity})
	})
}

// Revoke takes the views from an account. NotFound: it was granted none.
func (s *Shelf) Revoke(ctx context.Context, siteID, by, name string) error {
	if err := s.granting(name); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from doseview_reader where account = $1`, name)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "account %s was granted no views", name)
		}
		if err == nil {
			err = revoke(ctx, tx, name)
		}
		if err != nil {
			return err
		}
		return s.journalled(ctx, tx, siteID, by, "dose.sql.revoked", name, map[string]any{})
	})
}

func (s *Shelf) granting(name string) error {
	if s.DB.Engine() != db.Postgres {
		return fault.Errorf(fault.Unsupported, "the database is an SQLite file, which has no accounts: who may read the file reads the views; a copy without identity is made by scheduled copies")
	}
	if !account.MatchString(name) {
		return fault.Errorf(fault.Invalid, "account: lower-case letters, digits and _, such as dose_reader")
	}
	return nil
}

func grant(ctx context.Context, tx *db.Tx, r Reader) error {
	list := append([]string{layoutView}, programs[:len(programs)-1]...)
	if r.Identity {
		list = append(list, Identity)
	}
	_, err := tx.Exec(ctx, "grant select on "+strings.Join(list, ", ")+" to "+r.Account)
	if err != nil {
		return fault.Errorf(fault.Invalid, "grant to %s: %w; make the account first: create role %s login password '…'", r.Account, err, r.Account)
	}
	return nil
}

func revoke(ctx context.Context, tx *db.Tx, name string) error {
	_, err := tx.Exec(ctx, "revoke all on "+strings.Join(append([]string{layoutView}, programs...), ", ")+" from "+name)
	if err != nil {
		return fault.Errorf(fault.Invalid, "account %s: %w; make it first: create role %s login password '…'", name, err, name)
	}
	return nil
}

// A Place says in which room a machine stands.
type Place struct{ Machine, Room, Name string }

// Learn keeps for the views where machines stand and which levels there are: both come
// from more than tables. It writes only what is new.
func (s *Shelf) Learn(ctx context.Context, siteID string, places []Place, levels []dose.Level) error {
	rooms := make([][]any, len(places))
	for i, p := range places {
		rooms[i] = []any{siteID, p.Machine, p.Room, p.Name}
	}
	if err := s.learn(ctx, siteID, "place", `insert into doseview_place (site_id, machine_id, room_id, room) values ($1, $2, $3, $4)`, rooms); err != nil {
		return err
	}
	rows := make([][]any, len(levels))
	for i := range levels {
		l := &levels[i]
		var least any
		if l.MinN > 0 {
			least = int64(l.MinN)
		}
		rows[i] = []any{
			siteID, int64(i), l.Set.ID, l.Set.Edition, l.Set.Digest, l.Country, l.Official, l.Checked, l.Role, l.Exam, l.Indicated, l.Group.Name,
			string(l.Measure), l.Per, l.Value, l.Unit, l.Phantom, l.Statistic, least, l.Valid.From.First(), l.Valid.To.Last(), l.ReviewDue.Last(), l.Source,
		}
	}
	return s.learn(ctx, siteID, "level", `insert into doseview_level (site_id, ordinal, set_id, edition, digest, country, official, checked, role, exam_code, indication,
		size_group, quantity, per, value, unit, phantom, statistic, min_n, valid_from, valid_to, review_due, source)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)`, rows)
}

// learn puts rows in the place of those that are there, unless they are the same.
func (s *Shelf) learn(ctx context.Context, siteID, what, insert string, rows [][]any) error {
	raw, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	digest := hex.EncodeToString(sum[:])
	var have string
	err = s.DB.QueryRow(ctx, `select digest from doseview_derived where site_id = $1 and what = $2`, siteID, what).Scan(&have)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if have == digest {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from doseview_`+what+` where site_id = $1`, siteID); err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := tx.Exec(ctx, insert, r...); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `insert into doseview_derived (site_id, what, digest) values ($1, $2, $3)
			on conflict (site_id, what) do update set digest = excluded.digest`, siteID, what, digest)
		return err
	})
}

// A Case is a row of v_case.
type Case struct {
	Number                             int64
	Day, RoomID, Room, Exam, Set, Rule string
	Quantity                           string
	Ratio                              float64
	Legal, Substantial, Withdrawn      bool
	State, Reason, Due, Intervention   string
	OpenedAt, ReviewedAt, ClosedAt     int64
	Study, Examination                 string
}

// Cases returns the cases of a site as programs see them, the latest first.
func (s *Shelf) Cases(ctx context.Context, siteID string) ([]Case, error) {
	return db.List(ctx, s.DB, func(r *db.Rows) (c Case, err error) {
		return c, r.Scan(&c.Number, &c.Day, &c.RoomID, &c.Room, &c.Exam, &c.Set, &c.Rule, &c.Quantity, &c.Ratio, &c.Legal, &c.Substantial, &c.Withdrawn,
			&c.State, &c.Reason, &c.Due, &c.Intervention, &c.OpenedAt, &c.ReviewedAt, &c.ClosedAt, &c.Study, &c.Examination)
	}, `select case_number, day, room_id, room, exam_code, rule_set, rule, quantity, ratio, legal, substantial, withdrawn, state, reason, due, intervention,
		opened_at, reviewed_at, closed_at, study_instance_uid, examination from v_case where site_id = $1 order by case_number desc`, siteID)
}
