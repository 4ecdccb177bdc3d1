package archive

import (
	"context"
	"strconv"
	"strings"

	"radagora/db"
)

// A Numbered is a series that is known by its number or description, with its first
// instance.
type Numbered struct {
	Study, Series, SOP, SOPClass        string
	Modality, Manufacturer, Description string
	Number                              int64 // 0 if it has none
	Machine                             string
	Day, Time                           string // of the study: 2006-01-02, 15:04; "" if unknown
}

// Numbered returns the series of one of the modalities in studies of these days, both
// included, that have one of the numbers, or one of the words, in lower case, in their
// description; the latest studies first, at most limit of them.
func (a *Archive) Numbered(ctx context.Context, site, from, to string, modalities []string, numbers []int64, words []string, limit int) ([]Numbered, error) {
	if len(modalities) == 0 || len(numbers)+len(words) == 0 {
		return nil, nil
	}
	compact := strings.NewReplacer("-", "")
	args := []any{site, compact.Replace(from), compact.Replace(to), limit}
	mark := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	var of, kinds []string
	for _, m := range modalities {
		kinds = append(kinds, mark(m))
	}
	for _, n := range numbers {
		of = append(of, "series.series_number = "+mark(n))
	}
	for _, w := range words {
		of = append(of, "lower(series.series_description) like "+mark("%"+w+"%"))
	}
	return db.List(ctx, a.DB, func(r *db.Rows) (n Numbered, err error) {
		var date, time string
		err = r.Scan(&n.Study, &n.Series, &n.SOP, &n.SOPClass, &n.Modality, &n.Manufacturer, &n.Description, &n.Number, &n.Machine, &date, &time)
		if len(date) == len("20060102") {
			n.Day = date[:4] + "-" + date[4:6] + "-" + date[6:]
		}
		if len(time) >= len("1504") {
			n.Time = time[:2] + ":" + time[2:4]
		}
		return n, err
	}, `select study.study_uid, series.series_uid, instance.sop_uid, instance.sop_class, series.modality, series.manufacturer,
			series.series_description, coalesce(series.series_number, 0), series.machine, study.study_date, study.study_time
		from study join series on series.study = study.id
		join instance on instance.id = (select min(i.id) from instance i where i.series = series.id)
		where study.site_id = $1 and study.study_date between $2 and $3 and series.modality in (`+strings.Join(kinds, ", ")+`)
		and (`+strings.Join(of, " or ")+`)
		order by study.study_date desc, study.study_uid, series.series_uid limit $4`, args...)
}
