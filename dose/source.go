package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// ConsumerImages is the name under which dose reads the journal for images.
const ConsumerImages = "dose-images"

// Images lists the images of the archive.
type Images interface {
	// Images returns the images of a study, in any order; those whose headers tell
	// nothing of irradiation may be among them. It is empty if there is no such study.
	Images(ctx context.Context, siteID, study string) ([]Image, error)
}

// An Image is what the archive knows of an image without opening it.
type Image struct {
	SOP, Class, Series uid.UID
	Acquisition        string // number within the series, "" if unknown
	ReceivedAt         time.Time
}

// maxHeaders is how many headers of one study are read.
const maxHeaders = 500

// pictured notes the studies that images arrived for whose headers tell of
// irradiation. They count when no more have come for a while.
func (l *Ledger) pictured(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	if l.Images == nil {
		return nil
	}
	type study struct{ site, uid string }
	last := map[study]time.Time{}
	var order []study
	for _, e := range batch {
		var data struct {
			Study    string `json:"study"`
			SOPClass string `json:"sop_class"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
		}
		if class, err := uid.Parse(data.SOPClass); err != nil || !TellsDose(class) {
			continue
		}
		s := study{e.Site, data.Study}
		if _, known := last[s]; !known {
			order = append(order, s)
		}
		if e.At.After(last[s]) {
			last[s] = e.At
		}
	}
	for _, s := range order {
		if err := await(ctx, tx, s.site, s.uid, last[s]); err != nil {
			return err
		}
	}
	tx.OnCommit(l.poke)
	return nil
}

// await notes that images of a study arrived.
func await(ctx context.Context, tx *db.Tx, siteID, study string, at time.Time) error {
	_, err := tx.Exec(ctx, `insert into dose_image (site_id, study_uid, last_at, waiting, settled) values ($1, $2, $3, $4, $5)
		on conflict (site_id, study_uid) do update set waiting = excluded.waiting,
		last_at = case when dose_image.last_at > excluded.last_at then dose_image.last_at else excluded.last_at end`,
		siteID, study, db.Millis(at), true, false)
	return err
}

// settle has the studies derived whose images are complete as far as anybody can
// tell: nothing came for the time that the content names.
func (l *Ledger) settle(ctx context.Context) error {
	if l.Images == nil {
		return nil
	}
	sites, err := db.List(ctx, l.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select distinct site_id from dose_image where waiting`)
	if err != nil {
		return err
	}
	for _, siteID := range sites {
		rest, err := settleTime(l.Content, siteID)
		if err != nil {
			return err
		}
		if err := l.settleSite(ctx, siteID, db.Millis(l.Now().Add(-rest))); err != nil {
			return err
		}
	}
	return nil
}

// settleSite has the studies derived whose last image came no later than until.
func (l *Ledger) settleSite(ctx context.Context, siteID string, until int64) error {
	list := func(q db.Querier) ([]string, error) {
		return db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select study_uid from dose_image where waiting and site_id = $1 and last_at <= $2 order by last_at limit $3`, siteID, until, deriveBatch)
	}
	for {
		if due, err := list(l.DB); err != nil || len(due) == 0 {
			return err
		}
		err := l.DB.Write(ctx, func(tx *db.Tx) error {
			due, err := list(tx)
			if err != nil {
				return err
			}
			for _, study := range due {
				if _, err := tx.Exec(ctx, `update dose_image set waiting = $3, settled = $4 where site_id = $1 and study_uid = $2`, siteID, study, false, true); err != nil {
					return err
				}
				if err := pend(ctx, tx, siteID, study); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// settleTime returns how long after its last object a study is taken for complete.
func settleTime(library *content.Library, siteID string) (time.Duration, error) {
	table, err := library.Table(siteID, "dose/defaults", "settings")
	if err != nil {
		return 0, err
	}
	for row := range table.All() {
		if n, ok := row.Number("value"); ok && row.Text("key") == "dose.settle" {
			return time.Duration(n * float64(time.Minute)), nil
		}
	}
	return 0, fault.Errorf(fault.Invalid, "content set dose/defaults lacks dose.settle")
}

// A header is an image of which the header was read.
type header struct {
	Image
	report  *Report // nil if it could not be read
	problem string
}

// readHeaders reads one header for each irradiation event of a study, as far as its
// images have settled.
func (l *Ledger) readHeaders(ctx context.Context, t task) ([]header, error) {
	if l.Images == nil {
		return nil, nil
	}
	var settled bool
	err := l.DB.QueryRow(ctx, `select settled from dose_image where site_id = $1 and study_uid = $2`, t.site, t.study).Scan(&settled)
	if err != nil && fault.Of(err) == fault.NotFound || err == nil && !settled {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	images, err := l.Images.Images(ctx, t.site, t.study)
	if err != nil {
		return nil, err
	}
	var all []header
	for _, i := range spokesmen(images) {
		h := header{Image: i}
		h.report, err = l.readHeader(ctx, t.site, i.SOP)
		switch {
		case err == nil && !h.report.Study.IsZero() && h.report.Study.String() != t.study, errors.Is(err, errGone):
			continue // it is another study's now, or nobody's
		case err != nil && (fault.Of(err) == fault.Unavailable || fault.Of(err) == fault.Internal):
			return nil, err // not the image's fault: try again
		case err != nil:
			h.report, h.problem = nil, err.Error()
		}
		all = append(all, h)
	}
	return all, l.withPixels(ctx, t, all)
}

// readHeader reads the header of one image.
func (l *Ledger) readHeader(ctx context.Context, siteID string, sop uid.UID) (*Report, error) {
	f, closer, err := l.Objects.Open(ctx, siteID, sop)
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil, errGone
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return l.Reader.ReadImage(f.Dataset)
}

// spokesmen returns one image for each irradiation event as far as the archive can
// tell: of a CT one for each series and acquisition number, of a radiopharmaceutical
// one for each series, of all others each. It is the same whatever the order.
func spokesmen(images []Image) []Image {
	images = slices.DeleteFunc(slices.Clone(images), func(i Image) bool { return !TellsDose(i.Class) })
	slices.SortFunc(images, func(a, b Image) int { return cmp.Compare(a.SOP.String(), b.SOP.String()) })
	seen := map[[3]string]bool{}
	images = slices.DeleteFunc(images, func(i Image) bool {
		k := [3]string{i.Series.String(), string(imageKinds[i.Class])}
		switch imageKinds[i.Class] {
		case CT:
			k[2] = i.Acquisition
		case Nuclear:
		default:
			return false
		}
		again := seen[k]
		seen[k] = true
		return again
	})
	return images[:min(len(images), maxHeaders)]
}

// writeSources notes what became of each source of a study, and returns the machine
// that each report came from.
func (l *Ledger) writeSources(ctx context.Context, tx *db.Tx, r reading) (map[*Report]string, error) {
	machines, err := l.writeReports(ctx, tx, r)
	if err != nil {
		return machines, err
	}
	byDevice := map[string]string{}
	for report, machine := range machines {
		byDevice[report.device()] = machine
	}
	counted := map[uid.UID]bool{}
	var reports []*Report
	if r.study != nil {
		reports = r.study.Reports
	}
	for _, report := range reports {
		if report.Class != FromImage {
			continue
		}
		seen, err := l.Machines.Seen(ctx, tx, equipment(r.site, report))
		if err != nil {
			return nil, err
		}
		machines[report], byDevice[report.device()] = seen.MachineID, seen.MachineID
		for _, sop := range report.Images {
			counted[sop] = true
		}
	}
	if err := l.writeEntries(ctx, tx, r, machines); err != nil {
		return nil, err
	}
	return machines, l.writeHeaders(ctx, tx, r, byDevice, counted)
}

// writeHeaders notes what became of each image in the place of what was noted before.
func (*Ledger) writeHeaders(ctx context.Context, tx *db.Tx, r reading, byDevice map[string]string, counted map[uid.UID]bool) error {
	if _, err := tx.Exec(ctx, `delete from dose_source where site_id = $1 and study_uid = $2 and class = $3`, r.site, r.task.study, string(FromImage)); err != nil {
		return err
	}
	var rows [][]any
	for _, h := range r.headers {
		kind, machine := "", ""
		if h.report != nil {
			kind, machine = string(h.report.Kind), byDevice[h.report.device()]
		}
		rows = append(rows, []any{
			r.site, h.SOP.String(), r.task.study, string(FromImage), h.Series.String(), h.Acquisition,
			kind, h.problem, counted[h.SOP], machine, db.Millis(h.ReceivedAt),
		})
	}
	return insertRows(ctx, tx, `insert into dose_source
		(site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)`, rows)
}
