package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"radagora/archive"
	"radagora/db"
)

// A maker makes studies of a department. All of it is made up.
type maker struct {
	db    *db.DB
	begin time.Time
	n     int // studies so far
}

const (
	perStudy  = 2 // series
	perSeries = 5 // instances
	site      = "main"
)

var (
	begins   = []string{"Ma", "Mül", "Schnei", "Fi", "We", "Hof", "Kö", "Bau", "Le", "Gar", "Ro", "Mo", "Kowal", "Novo", "Pe", "Jan", "Lu", "Sil", "Fer", "Ta"}
	middles  = []string{"", "ler", "der", "ber", "ti", "mar", "ne", "ko", "ri", "san"}
	ends     = []string{"mann", "ski", "er", "ez", "son", "ini", "ier", "ova", "itz", "lein", "wicz", "ard", "es", "off", "bach", "feld"}
	givens   = []string{"Anna", "Jürgen", "Marie", "José", "Łucja", "Piotr", "Ines", "Émile", "Sofia", "Lukas", "Heidi", "Nils", "Elif", "Omar", "Chloé", "Björn"}
	said     = []string{"CT Thorax", "CT Abdomen mit KM", "MR Schädel nativ", "MR Knie links", "Röntgen Thorax", "US Abdomen", "CT Schädel", "Angiographie Becken", "Mammographie beidseits", "MR LWS"}
	made     = []string{"CT", "CT", "MR", "MR", "DX", "US", "CT", "XA", "MG", "MR"}
	referral = []string{"Sommer^Ina", "Winter^Karl", "Herbst^Eva", "Lenz^Udo", "März^Lea"}
)

// A study is what is said of study n.
type study struct {
	n                          int
	uid, id, name, born        string
	date, clock, accession     string
	description, modality, ref string
}

// of returns study n. Patients come back: there are two studies for each in the mean.
func (m *maker) of(n int) study {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	p := rand.New(rand.NewPCG(uint64(n/4*2+r.IntN(2)), 5))
	at := m.begin.Add(time.Duration(n) * 15 * time.Minute)
	what := r.IntN(len(said))
	return study{
		n: n, uid: fmt.Sprintf("1.2.826.0.1.3680043.10.1.%d", n), id: fmt.Sprintf("%08d", p.IntN(90_000_000)),
		name: begins[p.IntN(len(begins))] + middles[p.IntN(len(middles))] + ends[p.IntN(len(ends))] + "^" + givens[p.IntN(len(givens))],
		born: fmt.Sprintf("%d%02d%02d", 1930+p.IntN(80), 1+p.IntN(12), 1+p.IntN(28)),
		date: at.Format("20060102"), clock: at.Format("150405"), accession: fmt.Sprintf("A%09d", n),
		description: said[what], modality: made[what], ref: referral[r.IntN(len(referral))],
	}
}

// fill makes studies until there are n.
func (m *maker) fill(ctx context.Context, n int) error {
	for m.n < n {
		most := min(500, n-m.n)
		if err := m.db.Write(ctx, func(tx *db.Tx) error { return m.batch(ctx, tx, most) }); err != nil {
			return err
		}
		m.n += most
	}
	return nil
}

// settle has the database learn how its rows are spread, as servers do by themselves.
func (m *maker) settle(ctx context.Context) error {
	if m.db.Engine() == db.SQLite {
		return nil // which learns nothing unless told, and is told by nobody
	}
	return m.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "analyze")
		return err
	})
}

// A table is filled when all its rows are there, after those that it refers to.
type table struct {
	tx   *db.Tx
	head string
	rows [][]any
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// flush inserts the rows, some at a time.
func (t *table) flush(ctx context.Context) error {
	for some := range slices.Chunk(t.rows, max(1, 900/len(t.rows[0]))) {
		var text strings.Builder
		text.WriteString(t.head)
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
		if _, err := t.tx.Exec(ctx, text.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// batch inserts studies after those there are.
func (m *maker) batch(ctx context.Context, tx *db.Tx, most int) error {
	studies := &table{tx: tx, head: `insert into study (id, site_id, study_uid, patient_id, issuer_of_patient_id, patient_name, patient_birth_date, patient_sex, patient_differs,
		patient_name_folded, patient_name_other, study_date, study_time, timezone_offset, accession_number, referring_physician_name, study_id, study_description,
		referring_physician_folded, study_description_folded, modalities, series_count, instance_count, size_bytes, received_at, updated_at, person) values `}
	persons := &table{tx: tx, head: `insert into study_person (site_id, person, study) values `}
	dues := &table{tx: tx, head: `insert into prepare_due (kind, id, site_id, at_ms) values `}
	series := &table{tx: tx, head: `insert into series (id, site_id, study, series_uid, modality, series_description, body_part_examined, laterality, series_date, series_time,
		performed_step_start_date, performed_step_start_time, performed_step_id, performed_step_description, scheduled_step_id, requested_procedure_id, protocol_name,
		performing_physician_name, institution_name, department_name, station_name, manufacturer, model_name, device_serial_number, software_versions, series_number,
		machine, instance_count, size_bytes, received_at, updated_at) values `}
	instances := &table{tx: tx, head: `insert into instance (id, site_id, series, sop_uid, sop_class, content_date, content_time, instance_number, acquisition_number, number_of_frames,
		pixel_rows, pixel_columns, bits_allocated, transfer_syntax, pack, pack_offset, length, sha256, dataset_at, door, calling_ae, received_at, repeats) values `}
	for n := m.n; n < m.n+most; n++ {
		s := m.of(n)
		at := m.begin.Add(time.Duration(n) * 15 * time.Minute).UnixMilli()
		id, who := db.NewID(), archive.Person("", s.id)
		folded, _ := archive.FoldName(s.name)
		ref, _ := archive.FoldName(s.ref)
		size := int64(perStudy * perSeries * 525_000)
		studies.add(id, site, s.uid, s.id, "", s.name, s.born, "F", false, folded, "", s.date, s.clock, "", s.accession, s.ref, fmt.Sprint(n), s.description,
			ref, archive.Fold(s.description), `\`+s.modality+`\`, perStudy, perStudy*perSeries, size, at, at, who)
		persons.add(site, who, id)
		dues.add("study", id, site, 0)
		below(s, id, at, series, instances)
	}
	for _, t := range []*table{studies, series, instances, persons, dues} {
		if err := t.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// below inserts series and instances of a study.
func below(s study, id string, at int64, series, instances *table) {
	for k := range perStudy {
		one := db.NewID()
		series.add(one, site, id, fmt.Sprintf("%s.%d", s.uid, k+1), s.modality, "Serie", "", "", s.date, s.clock,
			s.date, s.clock, fmt.Sprint("PPS", s.n), "", "", "", "Protokoll", "", "Haus", "Radiologie", "ST1", "ACME", "M1", "4711", "1", k+1,
			"", perSeries, perSeries*525_000, at, at)
		for i := range perSeries {
			number := int64(s.n)*10 + int64(k*perSeries+i)
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(number)))
			instances.add(db.NewID(), site, one, fmt.Sprintf("%s.%d.%d", s.uid, k+1, i+1), "1.2.840.10008.5.1.4.1.1.2", s.date, s.clock, i+1, 1, nil,
				512, 512, 16, "1.2.840.10008.1.2.1", fmt.Sprintf("pack-%d", number/1000), number%1000*528_384, 525_000, sum[:], 300, "dimse", "CT1", at, 0)
		}
	}
}
