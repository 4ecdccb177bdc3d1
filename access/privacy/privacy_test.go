package privacy_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// name is a name that may stand in no table of the desk and in no entry of the
// journal that is readable.
const name = "LEAK^CANARY"

// anna is a patient, as the archive names her.
func anna() access.Person { return access.Person{Site: site.Default, ID: "|A-1"} }

// A desk is a desk with its surroundings.
type desk struct {
	*testing.T
	*privacy.Desk
	db    *db.DB
	ctx   context.Context // a protection officer asks
	mu    sync.Mutex      // the journal reads the clock meanwhile
	now   time.Time
	shelf *shelf
}

// A shelf is a room that keeps records in a table.
type shelf struct {
	db   *db.DB
	kept map[string]int
	fail error
}

func (s *shelf) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		all, err := db.List(ctx, s.db, func(r *db.Rows) (a access.Record, err error) {
			var text string
			err = r.Scan(&a.Kind, &a.ID, &text)
			a.Room, a.Data = "archive", json.RawMessage(text)
			return a, err
		}, `select kind, id, data from shelf where person = $1 order by kind, id`, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *shelf) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	n, err := tx.Exec(ctx, `delete from shelf where person = $1`, p.ID)
	return int(n), errors.Join(err, s.fail)
}

func (s *shelf) Restrict(ctx context.Context, tx *db.Tx, p access.Person, hidden bool) error {
	_, err := tx.Exec(ctx, `update shelf set hidden = $2 where person = $1`, p.ID, hidden)
	return err
}

func (s *shelf) Kept(context.Context, access.Person) (map[string]int, error) { return s.kept, nil }

// put puts a record on the shelf.
func (d *desk) put(kind, id, data string) {
	d.Helper()
	err := d.db.Write(d.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(d.ctx, `insert into shelf (person, kind, id, data, hidden) values ($1, $2, $3, $4, false)`, anna().ID, kind, id, data)
		return err
	})
	d.must(err)
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// want holds an error to a kind and a part of its text.
func (d *desk) want(err error, kind fault.Kind, part string) {
	d.Helper()
	if err == nil || fault.Of(err) != kind || !strings.Contains(err.Error(), part) {
		d.Errorf("error %v; want %v with %q", err, kind, part)
	}
}

// officer returns a context in which a protection officer asks.
func officer(ctx context.Context, id string) context.Context {
	rules := sync.OnceValues(func() (*access.Rules, error) {
		lib, err := content.Open()
		if err != nil {
			return nil, err
		}
		return access.NewRules(lib)
	})
	r, err := rules()
	if err != nil {
		panic(err)
	}
	ctx = access.WithJudge(ctx, &access.Judge{Rules: r, Open: true})
	return access.With(ctx, access.Who{ID: id, Grants: access.Everywhere(access.ProtectionOfficer), Door: "page"})
}

// clock is the present of the test.
func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// set moves the clock.
func (d *desk) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = t
}

// run runs fn on every engine.
func run(t *testing.T, fn func(d *desk)) {
	t.Helper()
	lib, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Run(t, func(t *testing.T, store *db.DB) {
		d := &desk{T: t, db: store, ctx: officer(t.Context(), "dora")}
		d.set(time.Date(2025, 1, 31, 12, 0, 0, 0, time.UTC))
		now := d.clock
		j, err := journal.Open(d.ctx, store, journal.Options{MasterKey: [32]byte{1}, Now: now, SealEvery: time.Millisecond})
		d.must(err)
		ctx, stop := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { _ = j.Run(ctx) })
		t.Cleanup(func() { stop(); ended.Wait() })
		sites, err := site.Open(d.ctx, store, j, now)
		d.must(err)
		s, err := sites.Site(d.ctx, site.Default)
		d.must(err)
		s.Name, s.Country, s.Timezone = "North", "DE", "Europe/Berlin"
		d.must(sites.Change(d.ctx, "dora", s))
		_, err = access.Open(d.ctx, store, now)
		d.must(err)
		d.must(store.Write(d.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(d.ctx, `create table shelf (person text not null, kind text not null, id text not null, data text not null, hidden boolean not null)`)
			return err
		}))
		d.shelf = &shelf{db: store}
		d.Desk = &privacy.Desk{
			DB: store, Journal: j, Content: lib, Sites: sites, Now: now,
			Facts:     &access.Facts{DB: store, Journal: j, Now: now},
			Pseudonym: func(_, person string) string { return "P-" + strings.TrimLeft(person, "|")[:1] },
		}
		d.Rooms = []privacy.Room{{Name: "archive", Holder: d.shelf, Days: days}, {Name: "privacy", Holder: privacy.Own{Desk: d.Desk}}}
		d.must(d.Open(d.ctx))
		fn(d)
	})
}

// days reads the days of a record on the shelf.
func days(r access.Record) (day, birth string) {
	var v struct{ Date, Birth string }
	_ = json.Unmarshal(r.Data, &v) // then the record says nothing
	return v.Date, v.Birth
}

// leaks reports where the name of the patient can be read without her key.
func (d *desk) leaks(tables ...string) {
	d.Helper()
	for _, table := range tables {
		rows, err := d.db.Query(d.ctx, `select * from `+table)
		d.must(err)
		columns, err := rows.Columns()
		d.must(err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			d.must(rows.Scan(values...))
			for i, v := range values {
				if p, ok := v.(*any); ok {
					text := ""
					switch x := (*p).(type) {
					case string:
						text = x
					case []byte:
						text = string(x)
					}
					if strings.Contains(text, name) || strings.Contains(text, "A-1") {
						d.Errorf("%s.%s tells who it is", table, columns[i])
					}
				}
			}
		}
		d.must(rows.Err())
		rows.Close()
	}
}

func tables() []string {
	return []string{
		"privacy_request", "privacy_request_step", "privacy_breach", "privacy_breach_phase", "privacy_party", "privacy_erasure", "journal_entry",
	}
}
