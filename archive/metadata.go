package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Block is the metadata of instances: a JSON array of data sets in the DICOM JSON
// model (PS3.18 F), compressed. Text is UTF-8. Pixels, and values of bytes longer than
// a kilobyte, are left out and have a BulkDataURI relative to the address of the series
// with a slash behind it: instances/UID/bulkdata/PATH, where PATH is tags and numbers of
// items from 1, such as 7FE00010 or 54000100/1/54001010; Archive.Bulk opens them. In
// the metadata of a whole study the address is that of the study, and series/UID/
// stands before.
type Block struct {
	ETag      string // of the content, in quotation marks (RFC 9110 8.8.3)
	Instances int
	packed    []byte
}

// Gzip returns the block as a gzip file of one member. It must not be changed.
func (b Block) Gzip() []byte { return b.packed }

// JSON returns a reader over the block without compression.
func (b Block) JSON() io.Reader {
	r, err := gzip.NewReader(bytes.NewReader(b.packed))
	if err != nil {
		return strings.NewReader("[]") // the zero Block
	}
	return r
}

// Metadata returns the metadata of a series, or of a whole study if series is the zero
// UID: instances in the order of their numbers. What was prepared is one row of the
// database for a series; what was not, or has become stale, is made on the spot.
// NotFound: there is no such series.
func (a *Archive) Metadata(ctx context.Context, site string, study, series uid.UID) (Block, error) {
	list, err := a.prepared(ctx, `study.site_id = $1 and study.study_uid = $2 and (cast($3 as text) = '' or series.series_uid = $3)`,
		site, study.String(), series.String())
	if err != nil {
		return Block{}, err
	}
	if len(list) == 0 {
		return Block{}, fault.Errorf(fault.NotFound, "no such series")
	}
	v, err := a.overlaying(ctx, site, study.String(), list[0].corrected)
	if err != nil {
		return Block{}, err
	}
	switch p := list[0]; {
	case series.IsZero():
		return joined(list, "series/", v)
	case v != nil:
		return joined(list, "", v)
	default:
		return Block{ETag: `"` + p.etag + `"`, Instances: int(p.instances), packed: p.body}, nil
	}
}

// A prepared is the metadata of one series.
type prepared struct {
	id, site, study string // ids of series and study
	uid             string // Series Instance UID
	count           int64  // of the series' instances
	instances       int64  // in here
	etag            string
	body            []byte // gzip
	corrected       string // what was corrected of the study, "" for nothing
}

// prepared returns the series for which a condition holds, in the order of their
// numbers. Those that are not up to date are made.
func (a *Archive) prepared(ctx context.Context, where string, args ...any) ([]prepared, error) {
	list, err := db.List(ctx, a.DB, scanPrepared, fromPrepared+where+` order by coalesce(series.series_number, 9223372036854775807), series.id`, args...)
	for i := range list {
		if p := &list[i]; err == nil && p.instances != p.count {
			*p, err = a.prepare(ctx, p.id, nil)
		}
	}
	return list, err
}

const fromPrepared = `select series.id, series.site_id, series.study, series.series_uid, series.instance_count,
	coalesce(series_prepared.instances, -1), coalesce(series_prepared.etag, ''), series_prepared.body, study.corrected
	from study join series on series.study = study.id left join series_prepared on series_prepared.series = series.id where `

func scanPrepared(r *db.Rows) (p prepared, err error) {
	return p, r.Scan(&p.id, &p.site, &p.study, &p.uid, &p.count, &p.instances, &p.etag, &p.body, &p.corrected)
}

// joined makes one Block of several series. prefix and the UID of the series stand
// before the addresses of bulk data.
func joined(list []prepared, prefix string, v *overlay) (Block, error) {
	var b Block
	sum := sha256.New()
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level is one there is
	sep := "["
	for _, p := range list {
		b.Instances += int(p.instances)
		_, _ = io.WriteString(sum, p.etag)
		before := ""
		if prefix != "" {
			before = prefix + p.uid + "/"
		}
		err := p.objects(func(object []byte) error {
			m, err := cut(object)
			if err != nil {
				return err
			}
			_, _ = io.WriteString(z, sep) // to memory
			sep = ","
			if m, err = v.over(m); err != nil {
				return err
			}
			return m.relocated(before).write(z)
		})
		if err != nil {
			return Block{}, err
		}
	}
	_, _ = io.WriteString(z, map[bool]string{true: "[]", false: "]"}[sep == "["])
	if err := z.Close(); err != nil {
		return Block{}, err
	}
	if v != nil {
		_, _ = io.WriteString(sum, v.digest())
	}
	b.ETag, b.packed = `"`+hex.EncodeToString(sum.Sum(nil)[:16])+`"`, out.Bytes()
	return b, nil
}
