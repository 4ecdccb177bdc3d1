package archive

import (
	"context"
	"strconv"
	"strings"

	"radagora/db"
)

// An Exposing is a study with images of a modality that irradiates.
type Exposing struct {
	Study    string // Study Instance UID
	Modality string
	Machine  string // that made them, "" if nobody was asked
	Day      string // 2006-01-02
}

// Exposing returns the studies of these days, both included, that have series of one of
// some modalities; one for each modality and machine.
func (a *Archive) Exposing(ctx context.Context, site, from, to string, modalities []string) ([]Exposing, error) {
	compact := strings.NewReplacer("-", "")
	args := []any{site, compact.Replace(from), compact.Replace(to)}
	marks := make([]string, len(modalities))
	for i, m := range modalities {
		args = append(args, m)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	return db.List(ctx, a.DB, func(r *db.Rows) (e Exposing, err error) {
		err = r.Scan(&e.Study, &e.Modality, &e.Machine, &e.Day)
		if len(e.Day) == len("20060102") {
			e.Day = e.Day[:4] + "-" + e.Day[4:6] + "-" + e.Day[6:]
		}
		return e, err
	}, `select study.study_uid, series.modality, max(series.machine), study.study_date
		from study join series on series.study = study.id
		where study.site_id = $1 and study.study_date between $2 and $3 and series.modality in (`+strings.Join(marks, ", ")+`)
		group by study.study_uid, series.modality, study.study_date order by study.study_date, study.study_uid, series.modality`, args...)
}
