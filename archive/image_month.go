package archive

import (
	"context"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dicom/uid"
)

// forProcessing are the SOP classes of what detectors of radiography give (PS3.4 B.5).
var forProcessing = []uid.UID{
	uid.DigitalXRayImageStorageForProcessing, uid.DigitalMammographyXRayImageStorageForProcessing,
	uid.DigitalIntraOralXRayImageStorageForProcessing, uid.BreastProjectionXRayImageStorageForProcessing,
}

// An ImageMonth is how many images of a machine the archive has of a month.
type ImageMonth struct {
	Machine string
	Month   string // 2006-01
	Images  int
}

// ImageMonths counts the images of some modalities by machine and month of their study,
// over these days, both included. What a detector gave (For Processing) is not counted: it
// is the same exposure as the image made of it. Images whose machine nobody knows are not
// counted either.
func (a *Archive) ImageMonths(ctx context.Context, site, from, to string, modalities []string) ([]ImageMonth, error) {
	compact := strings.NewReplacer("-", "")
	args := []any{site, compact.Replace(from), compact.Replace(to)}
	raw := make([]string, len(forProcessing))
	for i, class := range forProcessing {
		args = append(args, class.String())
		raw[i] = "$" + strconv.Itoa(len(args))
	}
	marks := make([]string, len(modalities))
	for i, m := range modalities {
		args = append(args, m)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	return db.List(ctx, a.DB, func(r *db.Rows) (m ImageMonth, err error) {
		err = r.Scan(&m.Machine, &m.Month, &m.Images)
		if len(m.Month) == len("200601") {
			m.Month = m.Month[:4] + "-" + m.Month[4:]
		}
		return m, err
	}, `select series.machine, substr(study.study_date, 1, 6), count(*)
		from study join series on series.study = study.id
		join instance on instance.series = series.id and instance.sop_class not in (`+strings.Join(raw, ", ")+`)
		where study.site_id = $1 and study.study_date between $2 and $3 and series.machine <> '' and series.modality in (`+strings.Join(marks, ", ")+`)
		group by series.machine, substr(study.study_date, 1, 6) order by series.machine, substr(study.study_date, 1, 6)`, args...)
}
