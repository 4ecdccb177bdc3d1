package connect

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/person"
	"radagora/worklist"
)

// Records keeps reports as resources, with their versions.
type Records interface {
	KeepReport(ctx context.Context, tx *db.Tx, r KeptReport) error
}

// A KeptReport is a report of another system as it stands.
type KeptReport struct {
	ID, Site, Channel string
	Person            string
	Order             string // id, of the worklist; "" while none is known
	Updated           time.Time
	Message           string // that told it
	Report
}

// String shows nothing of a report.
func (k KeptReport) String() string { return "report " + k.ID }

// reportRefused is that a report is not kept, with the reasons.
func reportRefused(p Report) outcome { return outcome{Waiting, ReasonRefused, p.Problems} }

// report keeps what a message says of one report, if it is newer than what is known.
func (r *Register) report(ctx context.Context, m Message, c Channel, key string, p Report) (outcome, error) {
	done := outcome{Applied, ReasonDone, nil}
	switch {
	case r.Records == nil:
		return outcome{Applied, ReasonNothing, nil}, nil
	case len(p.Problems) > 0:
		return reportRefused(p), nil
	case p.Number == "":
		return outcome{Failed, ReasonNoOrder, []Problem{{At: "OBR", Key: problemReportNumber, What: "the report has no number"}}}, nil
	}
	order, err := r.orderOf(ctx, c.Site, key, p.Numbers, p.Study)
	if err != nil {
		return done, err
	}
	return done, r.DB.Write(ctx, func(tx *db.Tx) error {
		done.reason = ReasonDone
		k := KeptReport{ID: db.NewID(), Site: c.Site, Channel: c.ID, Person: key, Message: m.ID, Report: p}
		before, err := r.keptReports(ctx, tx, `where site_id = $1 and channel_id = $2 and number = $3`, c.Site, c.ID, p.Number)
		if err != nil {
			return err
		}
		if len(before) > 0 {
			had := before[0]
			if p.At.Before(had.At) || p.Status.rank() < had.Status.rank() || had.Person != key {
				done.reason = ReasonLate
				if had.Person != key {
					done = outcome{Waiting, ReasonDistinct, []Problem{{At: "PID-3", Key: problemReportOf, What: "the report is kept of another patient"}}}
				}
				return nil
			}
			k.ID, k.Order = had.ID, had.Order
			if k.Files, err = r.files(ctx, tx, had.ID); err != nil {
				return err
			}
			k.over(had, p)
		}
		if order.ID != "" {
			k.Order, k.Study = order.ID, orDefault(k.Study, order.Study)
		}
		return r.putReport(ctx, tx, k)
	})
}

// over fills what a newer version does not say with what the one before said: a message
// that cancels a report need not repeat it.
func (k *KeptReport) over(had KeptReport, p Report) {
	if p.Text == "" && len(p.Files) == 0 {
		k.Text = had.Text
	} else {
		k.Files = p.Files
	}
	k.Study, k.Title = orDefault(p.Study, had.Study), orDefault(p.Title, had.Title)
	k.Author = orDefault(p.Author, had.Author)
	k.Numbers.Placer, k.Numbers.Filler = orDefault(p.Numbers.Placer, had.Numbers.Placer), orDefault(p.Numbers.Filler, had.Numbers.Filler)
	k.Numbers.Accession = orDefault(p.Numbers.Accession, had.Numbers.Accession)
	if p.Code == nil {
		k.Code = had.Code
	}
	if p.Made.IsZero() {
		k.Made = had.Made
	}
}

// orderOf returns the order that a report answers, the zero Order if that is none, or
// not one alone.
func (r *Register) orderOf(ctx context.Context, site, key string, n worklist.Numbers, study string) (worklist.Order, error) {
	if n == (worklist.Numbers{}) {
		return worklist.Order{}, nil
	}
	all, err := r.Orders.Numbered(r.asSelf(ctx, site), site, n)
	if err != nil {
		return worklist.Order{}, err
	}
	var same []worklist.Order
	for _, o := range all {
		fits := sameOrder(o, worklist.Order{Placer: n.Placer, Filler: n.Filler})
		if study != "" && len(all) > 1 && o.Study != study || !fits {
			continue
		}
		ok, err := r.samePerson(ctx, site, o.Person, key)
		if err != nil {
			return worklist.Order{}, err
		}
		if ok {
			same = append(same, o)
		}
	}
	if len(same) != 1 {
		return worklist.Order{}, nil
	}
	return same[0], nil
}

// samePerson reports whether two keys are one person's, as far as is known.
func (r *Register) samePerson(ctx context.Context, site, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	links, err := r.People.Links(ctx, site, a)
	return slices.ContainsFunc(links, func(l person.Link) bool {
		return l.Ended.IsZero() && l.Kind != person.Distinct && (l.A == a && l.B == b || l.A == b && l.B == a)
	}), err
}

// putReport writes a report, its files, its resource and its entry of the journal.
func (r *Register) putReport(ctx context.Context, tx *db.Tx, k KeptReport) error {
	k.Updated = r.Now()
	text, err := json.Marshal(k.Report)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	_, err = tx.Exec(ctx, `insert into connect_report (report_id, site_id, channel_id, number, person, order_id, study_uid, placer, filler, accession,
		title, status, told_at, message_id, document, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		on conflict (report_id) do update set order_id = excluded.order_id, study_uid = excluded.study_uid, placer = excluded.placer,
		filler = excluded.filler, accession = excluded.accession, title = excluded.title, status = excluded.status, told_at = excluded.told_at,
		message_id = excluded.message_id, document = excluded.document, updated_at = excluded.updated_at`,
		k.ID, k.Site, k.Channel, k.Number, k.Person, k.Order, k.Study, k.Numbers.Placer, k.Numbers.Filler, k.Numbers.Accession, k.Title, k.Status,
		db.Millis(k.At), k.Message, string(text), db.Millis(k.Updated))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from connect_report_file where report_id = $1`, k.ID); err != nil {
		return err
	}
	for i, f := range k.Files {
		_, err := tx.Exec(ctx, `insert into connect_report_file (report_id, number, site_id, type, title, body) values ($1, $2, $3, $4, $5, $6)`,
			k.ID, i+1, k.Site, f.Type, f.Title, f.Body)
		if err != nil {
			return err
		}
	}
	if err := r.Records.KeepReport(ctx, tx, k); err != nil {
		return err
	}
	return r.record(ctx, tx, journal.Entry{Site: k.Site, Actor: "hl7:" + k.Channel, Kind: "connect.report.kept", Subject: k.ID, Person: k.Person},
		map[string]any{"status": k.Status, "order": k.Order, "study": k.Study, "files": len(k.Files), "message": k.Message})
}

// linkReports gives reports that came before their order to it, as part of tx.
func (r *Register) linkReports(ctx context.Context, tx *db.Tx, e journal.Entry) error {
	var o worklist.Order
	if r.Records == nil || e.Payload == nil { // or erased
		return nil
	}
	if err := json.Unmarshal(e.Payload, &o); err != nil {
		return fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
	}
	o.Site = e.Site
	list, err := r.keptReports(ctx, tx, `where report_id in (select report_id from connect_report where site_id = $1 and placer <> '' and placer = $2
		union all select report_id from connect_report where site_id = $1 and filler <> '' and filler = $3
		union all select report_id from connect_report where site_id = $1 and accession <> '' and accession = $4) and order_id = ''`, o.Site, o.Placer, o.Filler, o.Accession)
	if err != nil {
		return err
	}
	for _, k := range list {
		found, err := r.orderOf(ctx, k.Site, k.Person, k.Numbers, k.Study)
		if err != nil {
			return err
		}
		if found.ID == "" {
			continue
		}
		k.Order, k.Study = found.ID, orDefault(k.Study, found.Study)
		if k.Files, err = r.files(ctx, tx, k.ID); err != nil {
			return err
		}
		if err := r.putReport(ctx, tx, k); err != nil {
			return err
		}
	}
	return nil
}

func (*Register) files(ctx context.Context, q db.Querier, id string) ([]File, error) {
	return db.List(ctx, q, func(r *db.Rows) (f File, err error) { return f, r.Scan(&f.Type, &f.Title, &f.Body) },
		`select type, title, body from connect_report_file where report_id = $1 order by number`, id)
}

// Report returns a report with its files. NotFound: the site has none of that id.
func (r *Register) Report(ctx context.Context, site, id string) (KeptReport, error) {
	list, err := r.keptReports(ctx, r.DB, `where site_id = $1 and report_id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no report of that id")
	}
	if err != nil {
		return KeptReport{}, err
	}
	k := list[0]
	if err := access.Check(ctx, access.RecordRead, access.Subject{Site: site, Person: k.Person, Study: k.Study}); err != nil {
		return KeptReport{}, err
	}
	k.Files, err = r.files(ctx, r.DB, id)
	return k, err
}

// A ReportState is what is known of a report without what it says.
type ReportState struct {
	ID, Order, Study, Title string
	Author                  string // as a name of DICOM
	Status                  ReportStatus
	At                      time.Time
}

// ReportsOf returns the reports of orders and studies of a site, the latest last, those
// that whoever asks may read; "" asks for none.
func (r *Register) ReportsOf(ctx context.Context, site, order, study string) (all []ReportState, err error) {
	list, err := r.keptReports(ctx, r.DB, `where report_id in (select report_id from connect_report where site_id = $1 and order_id <> '' and order_id = $2
		union all select report_id from connect_report where site_id = $1 and study_uid <> '' and study_uid = $3) order by told_at, report_id`, site, order, study)
	for _, k := range list {
		if access.Can(ctx, access.RecordRead, access.Subject{Site: site, Person: k.Person, Study: k.Study}) {
			all = append(all, ReportState{k.ID, k.Order, k.Study, k.Title, k.Author, k.Status, k.At})
		}
	}
	return all, err
}

func (*Register) keptReports(ctx context.Context, q db.Querier, where string, args ...any) ([]KeptReport, error) {
	return db.List(ctx, q, func(r *db.Rows) (k KeptReport, err error) {
		var text string
		var told, updated int64
		var order, study string
		if err := r.Scan(&k.ID, &k.Site, &k.Channel, &k.Person, &order, &study, &told, &k.Message, &text, &updated); err != nil {
			return k, err
		}
		if err := json.Unmarshal([]byte(text), &k.Report); err != nil {
			return k, fault.As(fault.Internal, err)
		}
		k.Order, k.Study, k.At, k.Updated = order, study, db.FromMillis(told), db.FromMillis(updated)
		return k, nil
	}, `select report_id, site_id, channel_id, person, order_id, study_uid, told_at, message_id, document, updated_at from connect_report `+where, args...)
}
