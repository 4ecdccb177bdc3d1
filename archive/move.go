package archive

import (
	"context"

	"radagora/blob"
	"radagora/db"
)

// Move replaces the reference of an object that was put again elsewhere, durably.
// It returns false if no row has it. It is what compaction of packs calls. What is to
// be removed moves too, and is removed where it is then.
func (a *Archive) Move(ctx context.Context, from, to blob.Ref) (bool, error) {
	due := map[string]string{"erasure_object": " and removed_ms = 0"}
	var n int64
	err := a.DB.Write(ctx, func(tx *db.Tx) error {
		n = 0
		for _, table := range []string{"instance", "quarantine", "trash_object", "erasure_object", "uncovered"} {
			k, err := tx.Exec(ctx, `update `+table+` set pack = $3, pack_offset = $4 where pack = $1 and pack_offset = $2 and length = $5`+due[table],
				from.Pack, from.Offset, to.Pack, to.Offset, to.Length)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n > 0, err
}
