package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/dicom/directory"
	"radagora/dicom/uid"
	"radagora/journal"
)

// Medium implements web.Studies: a study as a medium that other viewers read, in one
// zip file. The second value writes it.
func (v studiesView) Medium(ctx context.Context, name string) (func(io.Writer) error, error) {
	s, err := v.study(ctx, name)
	if err != nil {
		return nil, err
	}
	err = v.DB.Write(ctx, func(tx *db.Tx) error { // it leaves the house, unlike what is looked at
		return v.Journal.Append(ctx, tx, journal.Entry{
			Site: at, Actor: access.From(ctx).ID, Kind: "archive.study.exported", Subject: name, Person: s.Person.Reveal(),
			Data: json.RawMessage(`{"objects":` + strconv.FormatInt(s.InstanceCount, 10) + `}`),
		})
	})
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		z := zip.NewWriter(w)
		return errors.Join(v.medium(ctx, s, z), z.Close())
	}, nil
}

// medium writes the directory first, so that a reader who streams knows what comes.
func (v studiesView) medium(ctx context.Context, s archive.Study, z *zip.Writer) error {
	var d directory.Directory
	err := v.files(ctx, s, func(id []string, o archive.Object) error {
		f, err := o.Read(nil)
		if err != nil {
			return err
		}
		i := o.Instance
		return d.Add(directory.Entry{File: id, Header: f.Dataset, SOPClass: i.SOPClass, SOPInstance: i.SOP, TransferSyntax: i.TransferSyntax})
	})
	if err != nil {
		return err
	}
	to, err := v.member(z, "DICOMDIR")
	if err != nil {
		return err
	}
	if err := d.Write(to, "RADAGORA"); err != nil {
		return err
	}
	return v.files(ctx, s, func(id []string, o archive.Object) error {
		to, err := v.member(z, strings.Join(id, "/"))
		if err != nil {
			return err
		}
		_, err = io.Copy(to, o.Reader())
		return err
	})
}

// member begins a file in the zip: stored, because images hardly shrink and readers
// are quicker.
func (v studiesView) member(z *zip.Writer, name string) (io.Writer, error) {
	return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: v.Now()})
}

// files opens each instance of a study, series by series, with its File ID.
func (v studiesView) files(ctx context.Context, s archive.Study, do func([]string, archive.Object) error) error {
	series, err := v.Archive.SeriesOf(ctx, at, s.UID)
	if err != nil {
		return err
	}
	for r, one := range series {
		n := 0
		err := v.eachInstance(ctx, s.UID, one.UID, func(i archive.Instance) error {
			o, err := v.Archive.OpenInstance(ctx, i)
			if err != nil {
				return err
			}
			err = do(directory.FileID(0, 0, r, n), o)
			n++
			return errors.Join(err, o.Close())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachInstance goes through the instances of a series.
func (v studiesView) eachInstance(ctx context.Context, study, series uid.UID, do func(archive.Instance) error) error {
	const page = 500
	var after *archive.Instance
	for {
		list, err := v.Archive.Instances(ctx, at, study, series, after, page)
		if err != nil {
			return err
		}
		for _, i := range list {
			if err := do(i); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		after = &list[page-1]
	}
}
