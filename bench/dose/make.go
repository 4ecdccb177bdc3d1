package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dose"
)

const (
	hospital = "main"
	years    = 10
	machines = 40
)

// A maker makes what is derived from the reports of a group of hospitals. All of it is
// made up.
type maker struct {
	db              *db.DB
	day             time.Time // the last
	studies, events int
	exams           map[string][]string // codes by modality
	packed          []byte              // of an event, as long as most
	once            int                 // studies of the first size
	first, copies   int                 // events of the first size, and how often they were written again
}

// A sort is one modality: how many of a thousand examinations are of it, and of how
// many events they consist.
type sort struct {
	modality      string
	share, events int
	amounts       []dose.Quantity // of an examination
	each          []dose.Quantity // of an event
}

var sorts = []sort{
	{"DX", 550, 2, []dose.Quantity{dose.QuantityDAP, dose.QuantityImages}, []dose.Quantity{dose.QuantityDAP, dose.QuantityEI, dose.QuantityDI}},
	{"CT", 250, 4, []dose.Quantity{dose.QuantityDLP, dose.QuantityCTDIvolMax, dose.QuantityCTDIvolMean}, nil},
	{"MG", 80, 4, []dose.Quantity{dose.QuantityAGD, dose.QuantityAGDLeft, dose.QuantityAGDRight, dose.QuantityImages}, []dose.Quantity{dose.QuantityAGD}},
	{"RF", 80, 12, []dose.Quantity{dose.QuantityDAP, dose.QuantityRP, dose.QuantityFluoroTime, dose.QuantityImages}, []dose.Quantity{dose.QuantityDAP, dose.QuantityRP}},
	{"NM", 40, 1, []dose.Quantity{dose.QuantityActivity, dose.QuantityActivityPerKg}, []dose.Quantity{dose.QuantityActivity}},
}

// sortOf returns what examination n is of.
func sortOf(n int) sort {
	at := n * 7919 % 1000
	for _, s := range sorts {
		if at -= s.share; at < 0 {
			return s
		}
	}
	return sorts[0]
}

// room is where a machine stands.
func room(machine string) string { return "room " + machine }

// fill makes studies until there are that many events.
func (m *maker) fill(ctx context.Context, events int) error {
	again, err := m.dropIndexes(ctx)
	if err != nil {
		return err
	}
	if m.first == 0 {
		m.first = events
	}
	for m.events+m.first <= events && m.events >= m.first {
		if err := m.db.Write(ctx, func(tx *db.Tx) error { return m.again(ctx, tx) }); err != nil {
			return err
		}
	}
	for m.events < events {
		if err := m.db.Write(ctx, func(tx *db.Tx) error { return m.batch(ctx, tx, events) }); err != nil {
			return err
		}
	}
	if m.once == 0 {
		m.once = m.studies
	}
	err = m.db.Write(ctx, func(tx *db.Tx) error {
		for _, index := range again {
			if _, err := tx.Exec(ctx, index); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `insert into dose_month (site_id, modality, month, version)
			select distinct site_id, modality, substr(day, 1, 7), cast($1 as text) from dose_examination where true
			on conflict (site_id, modality, month) do update set version = excluded.version`, db.NewID())
		return err
	})
	if err != nil {
		return err
	}
	if m.db.Engine() == db.SQLite {
		return m.db.Migrate(ctx, "dose", dose.Migrations()) // what is told of indexes was lost with them
	}
	return m.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "analyze") // as servers do by themselves
		return err
	})
}

// again writes the studies of the first size once more, of other persons: the database
// does so many times quicker than it takes rows.
func (m *maker) again(ctx context.Context, tx *db.Tx) error {
	m.copies++
	suffix := fmt.Sprintf(".9%d", m.copies)
	empty := m.tables()
	for _, t := range empty.all() {
		columns := strings.ReplaceAll(t.columns, "\n", " ")
		names := strings.Split(columns, ",")
		for i, name := range names {
			switch name = strings.TrimSpace(name); name {
			case "study_uid", "patient_id", "person", "event_key", "event_uid", "sop_instance_uid":
				names[i] = name + " || cast($1 as text)"
			}
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("insert into %s (%s) select %s from %s where study_uid not like '2.25.77%%.9%%'", t.name, columns, strings.Join(names, ", "), t.name), suffix)
		if err != nil {
			return err
		}
	}
	m.events += m.first
	return nil
}

// dropIndexes drops the indexes while many rows are written, which is many times
// quicker, and returns what makes them again.
func (m *maker) dropIndexes(ctx context.Context) ([]string, error) {
	if m.db.Engine() != db.SQLite {
		return nil, nil
	}
	var again []string
	err := m.db.Write(ctx, func(tx *db.Tx) error {
		var err error
		again, err = db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select sql from sqlite_master where type = 'index' and sql is not null and tbl_name like 'dose_%'`)
		if err != nil {
			return err
		}
		for _, index := range again {
			name := strings.Fields(index)[2]
			if _, err := tx.Exec(ctx, "drop index "+name); err != nil {
				return err
			}
		}
		return nil
	})
	return again, err
}

// A table is filled when all its rows are there.
type table struct {
	name, columns string
	rows          [][]any
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// flush inserts the rows, some at a time.
func (t *table) flush(ctx context.Context, tx *db.Tx) error {
	if len(t.rows) == 0 {
		return nil
	}
	for some := range slices.Chunk(t.rows, max(1, 2000/len(t.rows[0]))) {
		var text strings.Builder
		fmt.Fprintf(&text, "insert into %s (%s) values ", t.name, t.columns)
		var args []any
		for i, row := range some {
			sep := ", ("
			if i == 0 {
				sep = "("
			}
			for _, v := range row {
				args = append(args, v)
				fmt.Fprintf(&text, "%s$%d", sep, len(args))
				sep = ", "
			}
			text.WriteString(")")
		}
		if _, err := tx.Exec(ctx, text.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// tables are those that a study goes to.
type tables struct{ study, event, exam, name, amount, each table }

// batch makes some studies.
func (m *maker) batch(ctx context.Context, tx *db.Tx, events int) error {
	t := m.tables()
	for n := 0; n < 500 && m.events < events; n++ {
		m.study(&t)
	}
	for _, t := range t.all() {
		if err := t.flush(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// all are the tables in the order in which they are written.
func (t *tables) all() []*table {
	return []*table{&t.study, &t.event, &t.exam, &t.name, &t.amount, &t.each}
}

// tables returns them empty.
func (*maker) tables() tables {
	return tables{
		study: table{name: "dose_study", columns: `site_id, study_uid, day, started, modality, machine_id, patient_id, sex, age_months, weight_kg, description,
			events, unassigned, not_patient, warnings, person`},
		event: table{name: "dose_event", columns: `site_id, study_uid, ordinal, event_key, event_uid, sop_instance_uid, examination, assigned_by, started, type, protocol,
			region, region_text, phantom, sequence, ctdivol_mgy, dlp_mgycm, packed`},
		exam: table{name: "dose_examination", columns: `site_id, study_uid, examination, day, started, machine_id, modality, exam_code, indication, known_by, assigned_by,
			mappings, name, name_source, age_months, weight_kg, events, dlp_mgycm, excluded, weight_source`},
		name: table{name: "dose_name", columns: "site_id, folded, source, machine_id, study_uid, examination, shown, day"},
		amount: table{name: "dose_amount", columns: `site_id, study_uid, examination, quantity, value, unit, n_events, class, method, basis, exam_code, machine_id,
			day, excluded`},
		each: table{name: "dose_event_amount", columns: "site_id, study_uid, ordinal, quantity, examination, value, unit, part, class, basis"},
	}
}

// study makes a study of one examination.
func (m *maker) study(t *tables) {
	n := m.studies
	m.studies++
	r := rand.New(rand.NewPCG(uint64(n), 17))
	s := sortOf(n)
	m.events += s.events
	at := m.day.AddDate(0, 0, -r.IntN(years*365)).Add(time.Duration(7*60+r.IntN(11*60)) * time.Minute)
	uid, day, started := fmt.Sprintf("2.25.77%d", n), at.Format(time.DateOnly), at.Format("2006-01-02T15:04:05")
	machine := fmt.Sprintf("%s-%02d", s.modality, r.IntN(machines*s.share/1000+1))
	codes := m.exams[s.modality]
	pick := int(float64(len(codes)) * r.Float64() * r.Float64())
	code := codes[pick]
	name := fmt.Sprintf("%s protocol %d", s.modality, pick)
	age := int64(r.IntN(90 * 12))
	var weight *float64
	if r.IntN(4) > 0 {
		kg := 50 + 40*r.Float64()
		weight = &kg
	}
	mapped, by := code, "protocol"
	if n%20 == 0 {
		mapped, by = "", "" // nobody said what it is
	}
	value := math.Exp(r.NormFloat64() / 3)
	t.study.add(hospital, uid, day, started, s.modality, machine, fmt.Sprintf("P%07d", n/3), "F", age, weight, name, s.events, 0, "", "[]", fmt.Sprintf("person-%d", n/3))
	var dlp any
	if s.modality == "CT" {
		dlp = 400 * value
	}
	source := ""
	if weight != nil {
		source = "dicom"
	}
	t.exam.add(hospital, uid, "1", day, started, machine, s.modality, mapped, "", by, "single", "", name, "protocol", age, weight, s.events, dlp, "", source)
	t.name.add(hospital, name, "protocol", machine, uid, "1", name, day)
	for _, q := range s.amounts {
		t.amount.add(hospital, uid, "1", string(q), scale(q)*value, dose.QuantityUnit(q), s.events, "report", "summed", "reported", mapped, machine, day, "")
	}
	for i := range s.events {
		var volume, length any
		sequence := s.modality == "CT" && i > 1
		if sequence {
			volume, length = 8*value, 200*value
		}
		t.event.add(hospital, uid, i+1, fmt.Sprintf("%s.%d", uid, i), fmt.Sprintf("%s.%d", uid, i), uid+".0", "1", "single", started, "spiral", name,
			"", "", "body32", sequence, volume, length, m.packed)
		for _, q := range s.each {
			t.each.add(hospital, uid, i+1, string(q), "1", scale(q)*value/float64(s.events), dose.QuantityUnit(q), "", "report", "reported")
		}
	}
}

// scale is what a quantity is about, in its unit.
func scale(q dose.Quantity) float64 {
	switch q {
	case dose.QuantityDAP:
		return 1e-4
	case dose.QuantityRP:
		return 0.1
	case dose.QuantityDLP, dose.QuantityActivity, dose.QuantityFluoroTime:
		return 400
	default:
		return 3
	}
}
