package main

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/dicomweb"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
	"radagora/web"
)

// asideShown is how many objects set aside the page lists.
const asideShown = 100

// aside lists what is set aside, without a word of whom it is about.
func (v reconcileView) aside(ctx context.Context, pg *web.ReconcilePage) error {
	list, err := v.Archive.Quarantined(ctx, at, "", asideShown)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, q := range list {
		pg.Aside = append(pg.Aside, asideObject(q.ID, q.Instance))
	}
	pg.AsideCount, err = v.Archive.CountQuarantined(ctx, at)
	return err
}

func asideObject(id string, i archive.Instance) web.AsideObject {
	return web.AsideObject{
		ID: id, Study: i.Study.String(), Kind: cmp.Or(uid.Name(i.SOPClass), i.SOPClass.String()), From: cmp.Or(i.CallingAE, i.Door), At: i.ReceivedAt, Repeats: i.Repeats,
	}
}

// Aside implements web.Aside. Who may not know one of the two persons sees in which
// attributes the objects differ, and no value.
func (v reconcileView) Aside(ctx context.Context, id string) (web.AsidePage, error) {
	q, first, known, err := v.two(ctx, id)
	if err != nil {
		return web.AsidePage{}, err
	}
	pg := web.AsidePage{
		AsideObject: asideObject(q.ID, q.Instance), SOP: q.SOP.String(), Unknown: !known, Complete: true,
		MayDecide: access.Can(ctx, access.ObjectDelete, access.Subject{Site: at}), GraceDays: v.settings.TrashDays,
		Pictures: len(documents{v.house}.MediaTypes(q.SOPClass)) == 0 && v.seen(ctx, q.Instance),
	}
	if first == nil {
		return pg, nil
	}
	kept := asideObject("", *first)
	pg.First, pg.Elsewhere = &kept, first.Study != q.Study
	pg.Pictures = pg.Pictures && v.seen(ctx, *first)
	var list []archive.Difference
	list, pg.Complete, err = v.Archive.Compare(ctx, q)
	if err != nil {
		return pg, err
	}
	for _, d := range list {
		one := web.AsideDifference{Name: cmp.Or(d.Tag.Name(), d.Tag.String()), Tag: d.Tag.String()}
		if known {
			one.First, one.Last = d.First.Reveal(), d.Last.Reveal()
		}
		switch {
		case d.Opaque && tag.VROf(d.Tag) == vr.SQ:
			one.Kind = "items"
		case d.Opaque:
			one.Kind = "digest"
		}
		pg.Differences = append(pg.Differences, one)
	}
	return pg, nil
}

// two returns an object that is set aside and the one that stays, nil if it went, and
// whether whoever asks may know whom they are about. That they were shown is noted.
func (v reconcileView) two(ctx context.Context, id string) (q archive.Quarantine, first *archive.Instance, known bool, err error) {
	if err := may(ctx, access.LinkChange); err != nil {
		return q, nil, false, err
	}
	q, err = v.Archive.QuarantinedOne(ctx, at, id)
	if err != nil {
		return q, nil, false, err
	}
	keys := []string{q.Person.Reveal()}
	known = access.Can(ctx, access.IdentityRead, access.Subject{Site: at, Person: keys[0], Study: q.Study.String()})
	i, err := v.Archive.Instance(ctx, at, q.SOP)
	switch {
	case err == nil:
		if err := v.mayStudy(ctx, access.ObjectRead, i.Study); err != nil {
			return q, nil, false, err
		}
		who, err := v.Archive.PersonOf(ctx, at, i.Study.String())
		if err != nil {
			return q, nil, false, err
		}
		keys = append(keys, who)
		known = known && access.Can(ctx, access.IdentityRead, access.Subject{Site: at, Person: who, Study: i.Study.String()})
		first = &i
	case fault.Of(err) == fault.NotFound:
	default:
		return q, nil, false, err
	}
	if known {
		err = v.note(ctx, keys)
	} else {
		err = nil
	}
	return q, first, known, err
}

// seen reports whether an object has a picture.
func (v reconcileView) seen(ctx context.Context, i archive.Instance) bool {
	_, err := v.pictureOf(ctx, i)
	return err == nil
}

// asidePixels bounds the pictures of objects set aside.
const asidePixels = 512

// pictureOf returns the first frame of an object as a PNG file.
func (v reconcileView) pictureOf(ctx context.Context, i archive.Instance) ([]byte, error) {
	o, err := v.Archive.OpenReceived(ctx, i)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	r := dicomweb.Rendering{MediaType: "image/png", Viewport: dicomweb.Viewport{Width: asidePixels, Height: asidePixels}}
	err = pixels{v.house}.Render(ctx, &out, dicomweb.Instance{}, o, 1, r)
	return out.Bytes(), err
}

// AsidePicture implements web.Aside.
func (v reconcileView) AsidePicture(ctx context.Context, id string, last bool) ([]byte, error) {
	q, first, known, err := v.two(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, fault.Errorf(fault.Forbidden, "whom the object is about may not be known")
	case last:
		return v.pictureOf(ctx, q.Instance)
	case first == nil:
		return nil, notFound("object")
	}
	return v.pictureOf(ctx, *first)
}

// AsideDecide implements web.Aside.
func (v reconcileView) AsideDecide(ctx context.Context, id, do, reason string) error {
	_, first, _, err := v.two(ctx, id)
	if err != nil {
		return err
	}
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	if first != nil {
		if err := v.mayStudy(ctx, access.ObjectDelete, first.Study); err != nil {
			return err
		}
	}
	switch do {
	case "discard":
		_, err = v.Archive.Discard(ctx, at, id, reason)
	case "replace":
		err = v.Archive.Replace(ctx, at, id, reason)
	default:
		return fault.Errorf(fault.Invalid, "no such decision")
	}
	switch {
	case err == nil:
		return nil
	case fault.Of(err) == fault.Invalid:
		return web.Refuse(map[string]string{"reason": "reconcile.wrong_reason"})
	case fault.Of(err) == fault.Conflict:
		return web.Refuse(map[string]string{"reason": "aside.wrong_held"})
	}
	return err
}
