package archive

import (
	"context"
	"time"

	"radagora/db"
	"radagora/dicom/uid"
)

// A Listed is what tells an instance of a study from others without opening it.
type Listed struct {
	SOP, SOPClass, Series uid.UID
	Acquisition           *int64 // number, nil if it has none
	ReceivedAt            time.Time
}

// Listed returns all instances of a study, those that came first before the others. It
// is empty if there is no such study.
func (a *Archive) Listed(ctx context.Context, site, study string) ([]Listed, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (l Listed, err error) {
		u, received := make([]string, 3), int64(0)
		err = r.Scan(&u[0], &u[1], &u[2], &l.Acquisition, &received)
		l.ReceivedAt = db.FromMillis(received)
		return l, uids(err, u, &l.SOP, &l.SOPClass, &l.Series)
	}, `select instance.sop_uid, instance.sop_class, series.series_uid, instance.acquisition_number, instance.received_at
		from instance join series on series.id = instance.series join study on study.id = series.study
		where study.site_id = $1 and study.study_uid = $2 order by instance.id`, site, study)
}
