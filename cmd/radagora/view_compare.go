package main

import (
	"context"
	"errors"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/web"
)

// Compare implements web.Objects.
func (v objectsView) Compare(ctx context.Context, name, with string) (c web.Comparison, err error) {
	a, err := v.open(ctx, web.Person{}, name)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	received := with == web.AsReceived
	if received {
		with = name
	}
	b, err := v.open(ctx, web.Person{}, with)
	if err != nil {
		return c, err
	}
	if received {
		if b, err = v.asReceived(ctx, b); err != nil {
			return c, err
		}
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	left, err := a.Read(nil)
	if err != nil {
		return c, err
	}
	right, err := b.Read(nil)
	if err != nil {
		return c, err
	}
	c.A = web.Compared{UID: a.Instance.SOP.String(), Class: uid.Name(a.Instance.SOPClass)}
	c.B = web.Compared{UID: b.Instance.SOP.String(), Class: uid.Name(b.Instance.SOPClass), Received: received}
	for _, d := range dicom.Compare(left.Dataset, right.Dataset) {
		c.Rows = append(c.Rows, compareRow(d))
	}
	return c, nil
}

// compareRow is an element as pages show it.
func compareRow(d dicom.Difference) web.CompareRow {
	r := web.CompareRow{
		Depth: d.Depth, Name: d.Name, A: d.A, B: d.B, State: "changed", Private: d.Tag.Private(), Creator: d.Creator, Item: d.Item, LengthCut: d.Unread,
	}
	if !d.Item {
		r.Tag, r.VR = d.Tag.String(), d.VR.String()
	}
	switch {
	case d.Same:
		r.State = "same"
	case !d.HasA:
		r.State = "added"
	case !d.HasB:
		r.State = "removed"
	}
	return r
}
