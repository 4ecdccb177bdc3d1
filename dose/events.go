package dose

import (
	"context"
	"errors"
	"iter"

	"radagora/db"
)

// A ListedEvent is an event in a list of those of many studies.
type ListedEvent struct {
	Study, Day string
	Part       string               // plane or side, "" if it has none
	Class      Class                // of the lowest rank among what told its amounts
	Amounts    map[Quantity]float64 // in their units; DLP and CTDIvol of CT stand in its values
	StoredEvent
}

// errEnough says that whoever reads a list wants no more of it.
var errEnough = errors.New("enough")

// Events reads the irradiation events of the studies of a modality in a period, the
// latest study first and each in the order of time; events of persons whose data are
// restricted too. It reads them as they are asked for, so a list may be larger than
// memory. After an error there is none.
func (l *Ledger) Events(ctx context.Context, siteID, modality string, p Period) iter.Seq2[ListedEvent, error] {
	return func(yield func(ListedEvent, error) bool) {
		err := l.DB.Read(ctx, func(tx *db.Tx) error { return events(ctx, tx, siteID, modality, p, yield) })
		if err != nil && !errors.Is(err, errEnough) {
			yield(ListedEvent{}, err)
		}
	}
}

// events is Events as part of tx: every event with its amounts, one row for each of
// them, which stand together.
func events(ctx context.Context, tx *db.Tx, siteID, modality string, p Period, yield func(ListedEvent, error) bool) error {
	rows, err := tx.Query(ctx, `select e.study_uid, s.day, e.ordinal, e.examination, e.sop_instance_uid, e.sequence, e.packed,
		coalesce(a.quantity, ''), coalesce(a.value, 0), coalesce(a.part, ''), coalesce(a.class, '')
		from dose_study s join dose_event e on e.site_id = s.site_id and e.study_uid = s.study_uid
		left join dose_event_amount a on a.site_id = e.site_id and a.study_uid = e.study_uid and a.ordinal = e.ordinal
		where s.site_id = $1 and s.modality = $2 and s.day between $3 and $4
		order by s.day desc, s.started desc, e.study_uid, e.ordinal, a.quantity`, siteID, modality, p.From, p.To)
	if err != nil {
		return err
	}
	defer rows.Close()
	var open ListedEvent
	last := int64(0)
	for rows.Next() {
		var e ListedEvent
		var ordinal int64
		var packed []byte
		var quantity, part, class string
		var amount float64
		if err := rows.Scan(&e.Study, &e.Day, &ordinal, &e.Examination, &e.SOPInstance, &e.Sequence, &packed, &quantity, &amount, &part, &class); err != nil {
			return err
		}
		if open.Study != e.Study || last != ordinal {
			if open.Study != "" && !yield(open, nil) {
				return errEnough
			}
			if err := unpack(packed, &e.EventJSON); err != nil {
				return err
			}
			e.Amounts, e.Class = map[Quantity]float64{}, FromReport
			open, last = e, ordinal
		}
		if quantity != "" {
			open.Amounts[Quantity(quantity)], open.Part, open.Class = amount, part, lower(open.Class, Class(class))
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if open.Study != "" && !yield(open, nil) {
		return errEnough
	}
	return nil
}
