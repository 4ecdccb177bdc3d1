package dose

import (
	"context"
	"strconv"

	"radagora/db"
	"radagora/dicom/tag"
	"radagora/ucum"
)

// Where neither report nor header tells how big the body in a CT scan is, its pixels do
// (package dose/water). Deriving a study notes which scans wait to be measured; whoever
// measures asks with WaitingPixels and answers with Measured, and the study is derived
// again. Of several reconstructions of one irradiation one is enough.

// States of a scan that is measured.
const (
	PixelWaiting  = "waiting"
	PixelMeasured = "measured"
	PixelRefused  = "refused"
)

// Reasons for which a scan has no diameter.
const (
	PixelTruncated  = "truncated"  // the field of view cuts the body off in most slices
	PixelNoBody     = "no_body"    // nothing in the slices is thick enough
	PixelNotAxial   = "not_axial"  // reformatted in another plane
	PixelUnreadable = "unreadable" // no pixels that can be decoded, or no CT numbers
	PixelAnother    = "another"    // another series of the same irradiation was measured
)

// FlagCut says that the field of view cuts off the body in some slices of a scan: they
// are left out.
const FlagCut = "slices_cut"

// fieldWater is the water-equivalent diameter.
const fieldWater Field = "water_diameter_mm"

// A Pixels is what the pixels of a scan say.
type Pixels struct {
	Site, Study, Series, Acquisition, Event string
	State, Reason                           string
	Diameter, Least, Most                   float64 // water-equivalent, cm; 0 unless measured
	Slices, Measured, Cut                   int
	Method                                  string
}

const selectPixels = `select site_id, study_uid, series_uid, acquisition, event_uid, state, reason, dw_cm, dw_min_cm, dw_max_cm, slices, measured, cut, method from dose_pixel`

func scanPixels(r *db.Rows) (p Pixels, err error) {
	err = r.Scan(&p.Site, &p.Study, &p.Series, &p.Acquisition, &p.Event, &p.State, &p.Reason, &p.Diameter, &p.Least, &p.Most, &p.Slices, &p.Measured, &p.Cut, &p.Method)
	return p, err
}

// PixelsOf returns what is known of the pixels of a study. Whoever calls has asked who
// may see it.
func (l *Ledger) PixelsOf(ctx context.Context, siteID, study string) ([]Pixels, error) {
	return db.List(ctx, l.DB, scanPixels, selectPixels+` where site_id = $1 and study_uid = $2 order by series_uid, acquisition`, siteID, study)
}

// WaitingPixels returns scans that wait to be measured, at most limit.
func (l *Ledger) WaitingPixels(ctx context.Context, limit int) ([]Pixels, error) {
	return db.List(ctx, l.DB, scanPixels, selectPixels+` where state = 'waiting' order by site_id, study_uid, series_uid, acquisition limit $1`, limit)
}

// Measured keeps what the pixels of a scan say, and has its study derived again if they
// tell a size. Other series of the same irradiation wait no more then. Nothing is kept
// of a scan that waits no more.
func (l *Ledger) Measured(ctx context.Context, p Pixels) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update dose_pixel set state = $5, reason = $6, dw_cm = $7, dw_min_cm = $8, dw_max_cm = $9, slices = $10, measured = $11,
			cut = $12, method = $13, done_at = $14 where site_id = $1 and study_uid = $2 and series_uid = $3 and acquisition = $4 and state = 'waiting'`,
			p.Site, p.Study, p.Series, p.Acquisition, p.State, p.Reason, p.Diameter, p.Least, p.Most, p.Slices, p.Measured, p.Cut, p.Method, db.Millis(l.Now()))
		if err != nil || n == 0 || p.State != PixelMeasured {
			return err
		}
		if p.Event != "" {
			_, err := tx.Exec(ctx, `update dose_pixel set state = $4, reason = $5 where site_id = $1 and study_uid = $2 and event_uid = $3 and state = 'waiting'`,
				p.Site, p.Study, p.Event, PixelRefused, PixelAnother)
			if err != nil {
				return err
			}
		}
		tx.OnCommit(l.poke)
		return pend(ctx, tx, p.Site, p.Study)
	})
}

// withPixels adds to the headers of a study what its pixels say of the size.
func (l *Ledger) withPixels(ctx context.Context, t task, headers []header) error {
	if len(headers) == 0 {
		return nil
	}
	all, err := l.PixelsOf(ctx, t.site, t.study)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.State != PixelMeasured || !(p.Diameter > 0) {
			continue
		}
		mm, err := ucum.ParseDecimal(strconv.FormatFloat(10*p.Diameter, 'f', 1, 64))
		if err != nil {
			continue
		}
		for _, h := range headers {
			if h.Series.String() != p.Series || h.Acquisition != p.Acquisition || !h.sizeless() {
				continue
			}
			v := Value{Field: fieldWater, Path: tag.PixelData.String(), Raw: mm.String(), RawUnit: "mm", Number: &mm, Unit: "mm", Flags: []string{FlagPixels}}
			if p.Cut > 0 {
				v.Flags = append(v.Flags, FlagCut)
			}
			e := h.report.Events[0]
			e.Values = append(e.Values, v)
		}
	}
	return nil
}

// sizeless reports whether a header is of a CT scan and tells no water-equivalent
// diameter.
func (h header) sizeless() bool {
	if h.report == nil || h.report.Kind != CT || len(h.report.Events) != 1 {
		return false
	}
	_, known := h.report.Events[0].Number(fieldWater)
	return !known && !h.report.Events[0].Localizer()
}

// wantPixels notes the scans of a study whose size nobody tells: they wait to be
// measured.
func (l *Ledger) wantPixels(ctx context.Context, tx *db.Tx, r reading) error {
	if !l.Pixels || r.study == nil {
		return nil
	}
	told := map[string]bool{} // irradiations whose size is known
	for _, report := range r.study.Reports {
		for _, e := range report.Events {
			if _, known := e.Number(fieldWater); known && !e.UID.IsZero() {
				told[e.UID.String()] = true
			}
		}
	}
	for _, h := range r.headers {
		if !h.sizeless() {
			continue
		}
		event := ""
		if e := h.report.Events[0]; !e.UID.IsZero() {
			event = e.UID.String()
		}
		if told[event] {
			continue
		}
		_, err := tx.Exec(ctx, `insert into dose_pixel (site_id, study_uid, series_uid, acquisition, event_uid, state, reason, dw_cm, dw_min_cm, dw_max_cm,
			slices, measured, cut, method, done_at) values ($1, $2, $3, $4, $5, 'waiting', '', 0, 0, 0, 0, 0, 0, '', 0)
			on conflict (site_id, study_uid, series_uid, acquisition) do nothing`, r.site, r.task.study, h.Series.String(), h.Acquisition, event)
		if err != nil {
			return err
		}
	}
	return nil
}
