package archive

import (
	"context"

	"radagora/db"
	"radagora/dicom"
)

// head reads the header of an instance: everything before the pixels. Values of more
// than some ten thousand bytes are not kept.
func (a *Archive) head(ctx context.Context, i Instance) (*dicom.Dataset, error) {
	o, err := a.OpenInstance(ctx, i)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	f, err := o.Read(&dicom.Options{StopAt: firstPixels})
	if err != nil {
		return nil, unreadable(f, err)
	}
	return f.Dataset, nil
}

// firsts returns the first instance of a series, or of every series of a study if
// series is "", in the order of their numbers.
func (a *Archive) firsts(ctx context.Context, study, series string) ([]Instance, error) {
	return db.List(ctx, a.DB, scanInstance, fromInstance+`where study.id = $1 and (cast($2 as text) = '' or series.id = $2)
		and instance.id = (select i.id from instance as i where i.series = series.id order by coalesce(i.instance_number, 9223372036854775807), i.id limit 1)
		order by coalesce(series_number, 9223372036854775807), series.id`, study, series)
}
