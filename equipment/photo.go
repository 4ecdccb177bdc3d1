package equipment

import (
	"bytes"
	"context"

	"radagora/db"
	"radagora/fault"
)

// MostPhoto bounds the picture of a device, in bytes.
const MostPhoto = 2 << 20

// A Photo is the picture of a device.
type Photo struct {
	MediaType string
	Content   []byte
}

// SetPhoto keeps the picture of a device in the place of what was there. Unsupported: it
// is neither JPEG nor PNG; Exhausted: it is too large.
func (r *Register) SetPhoto(ctx context.Context, siteID, by, device string, raw []byte) error {
	d, err := r.Device(ctx, siteID, device)
	if err != nil {
		return err
	}
	var is string
	switch {
	case len(raw) > MostPhoto:
		return fault.Errorf(fault.Exhausted, "a picture of a device has at most %d bytes", MostPhoto)
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		is = "image/jpeg"
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		is = "image/png"
	default:
		return fault.Errorf(fault.Unsupported, "a picture of a device is a JPEG or PNG file")
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into equipment_photo (site_id, device_id, media_type, content, taken_by, taken_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (site_id, device_id) do update set media_type = excluded.media_type, content = excluded.content, taken_by = excluded.taken_by, taken_at = excluded.taken_at`,
			siteID, d.ID, is, raw, by, db.Millis(r.Now()))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "equipment.photo.kept", d.ID, map[string]any{"media_type": is, "bytes": len(raw)})
	})
}

// Photo returns the picture of a device. NotFound: there is none.
func (r *Register) Photo(ctx context.Context, siteID, device string) (Photo, error) {
	all, err := db.List(ctx, r.DB, func(rows *db.Rows) (p Photo, err error) { return p, rows.Scan(&p.MediaType, &p.Content) },
		`select media_type, content from equipment_photo where site_id = $1 and device_id = $2`, siteID, device)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no picture of this device")
	}
	if err != nil {
		return Photo{}, err
	}
	return all[0], nil
}

// Pictures returns the devices of which there is a picture.
func (r *Register) Pictures(ctx context.Context, siteID string) (map[string]bool, error) {
	all, err := db.List(ctx, r.DB, func(rows *db.Rows) (id string, err error) { return id, rows.Scan(&id) },
		`select device_id from equipment_photo where site_id = $1`, siteID)
	out := make(map[string]bool, len(all))
	for _, id := range all {
		out[id] = true
	}
	return out, err
}
