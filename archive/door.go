package archive

import (
	"context"

	"radagora/db"
	"radagora/dicom/uid"
)

// A Door says by which way instances of a study came, and from whom.
type Door struct {
	Door, CallingAE string
	Instances       int64
}

// Doors returns by which ways the instances of a study came, the busiest first.
func (a *Archive) Doors(ctx context.Context, site string, study uid.UID) ([]Door, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (d Door, err error) {
		return d, r.Scan(&d.Door, &d.CallingAE, &d.Instances)
	}, `select door, calling_ae, count(*) from instance join series on series.id = instance.series join study on study.id = series.study
		where study.site_id = $1 and study_uid = $2 group by door, calling_ae order by count(*) desc, door, calling_ae limit 20`, site, study.String())
}

// Modalities returns the modalities of the series that are kept at a site, in order.
func (a *Archive) Modalities(ctx context.Context, site string) ([]string, error) {
	// One look into the index for each modality there is, however many series.
	return db.List(ctx, a.DB, func(r *db.Rows) (m string, err error) { return m, r.Scan(&m) },
		`with recursive known (modality) as (
			select (select min(modality) from series where site_id = $1 and modality <> '')
			union all
			select (select min(modality) from series where site_id = $1 and modality > known.modality) from known where known.modality is not null
		) select modality from known where modality is not null order by modality limit 100`, site)
}
