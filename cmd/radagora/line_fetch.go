package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// The information models that peers are asked by (PS3.4 C.6.2).
var (
	farFind = uid.StudyRootQueryRetrieveInformationModelFind
	farMove = uid.StudyRootQueryRetrieveInformationModelMove
	farGet  = uid.StudyRootQueryRetrieveInformationModelGet
)

// saidNo makes an exchange.RefusedError of what a peer answered.
func saidNo(err error) error {
	if no, ok := errors.AsType[*dimse.StatusError](err); ok {
		return &exchange.RefusedError{Status: uint16(no.Status), Words: no.Status.String()}
	}
	return err
}

// asking opens an association to ask a peer.
func (l line) asking(ctx context.Context, siteID, peer string) (*dimse.Association, error) {
	a, err := l.dial(ctx, siteID, peer, dimse.Config{Propose: []dimse.Proposal{{SOPClass: farFind, Syntaxes: plainSyntaxes}}})
	return a, saidNo(err)
}

// askFar asks one question; take ends it with an error.
func askFar(ctx context.Context, a *dimse.Association, b *dicom.Builder, take func(*dicom.Dataset) error) error {
	keys, err := b.Dataset()
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	for ds, err := range a.Find(ctx, farFind, keys) {
		if err != nil {
			return saidNo(err)
		}
		if err := take(ds); err != nil {
			return err
		}
	}
	return nil
}

// errPlenty ends a question that found enough.
var errPlenty = errors.New("enough was found")

// farKeys makes the identifier of a search for studies.
func farKeys(q exchange.Search) *dicom.Builder {
	days := q.From
	if q.From != q.Until {
		days = q.From + "-" + q.Until
	}
	b := dicom.NewBuilder().Text(tag.SpecificCharacterSet, "ISO_IR 192").Text(tag.QueryRetrieveLevel, "STUDY").
		Bytes(tag.StudyDate, vr.DA, []byte(days)).Text(tag.StudyTime).Text(tag.AccessionNumber, q.Accession.Reveal()).Text(tag.ModalitiesInStudy, q.Modality).
		Text(tag.StudyDescription).Text(tag.PatientName, q.PatientName.Reveal()).Text(tag.PatientID, q.PatientID.Reveal()).Text(tag.PatientBirthDate).
		Text(tag.NumberOfStudyRelatedSeries).Text(tag.NumberOfStudyRelatedInstances)
	if q.Study.IsZero() {
		return b.Text(tag.StudyInstanceUID)
	}
	return b.UID(tag.StudyInstanceUID, q.Study)
}

// Search implements exchange.Source. A peer that ignores what it was asked by gets the
// question answered here: of days and modality, which it must not (PS3.4 C.6.2.1.2).
func (l line) Search(ctx context.Context, siteID, peer string, q exchange.Search) ([]exchange.Found, error) {
	a, err := l.asking(ctx, siteID, peer)
	if err != nil {
		return nil, err
	}
	defer a.Abort()
	var all []exchange.Found
	known := map[uid.UID]bool{}
	err = askFar(ctx, a, farKeys(q), func(ds *dicom.Dataset) error {
		one := exchange.Found{
			UID: ds.UID(tag.StudyInstanceUID), PatientID: archive.Conceal(ds.Text(tag.PatientID)), PatientName: archive.Conceal(ds.Text(tag.PatientName)),
			BirthDate: archive.Conceal(ds.Text(tag.PatientBirthDate)), Accession: archive.Conceal(ds.Text(tag.AccessionNumber)),
			Date: ds.Text(tag.StudyDate), Time: ds.Text(tag.StudyTime), Description: ds.Text(tag.StudyDescription),
			Modalities: ds.Texts(tag.ModalitiesInStudy), Series: counted(ds, tag.NumberOfStudyRelatedSeries), Instances: counted(ds, tag.NumberOfStudyRelatedInstances),
		}
		if one.UID.IsZero() || known[one.UID] || !fitsSearch(one, q) {
			return nil
		}
		known[one.UID] = true
		if all = append(all, one); len(all) >= q.Most() {
			return errPlenty
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPlenty) {
		return nil, err
	}
	if err == nil {
		err = a.Release(ctx)
	}
	if errors.Is(err, errPlenty) {
		err = nil
	}
	slices.SortStableFunc(all, func(a, b exchange.Found) int { return cmp.Compare(b.Date+b.Time, a.Date+a.Time) })
	return all, err
}

// fitsSearch reports whether a study is one of those that were asked for, as far as the
// peer says.
func fitsSearch(f exchange.Found, q exchange.Search) bool {
	if f.Date != "" && (q.From != "" && f.Date < q.From || q.Until != "" && f.Date > q.Until) {
		return false
	}
	return q.Modality == "" || len(f.Modalities) == 0 || slices.Contains(f.Modalities, q.Modality)
}

// counted returns a count that a peer gives, -1 if it gives none.
func counted(ds *dicom.Dataset, t tag.Tag) int64 {
	if n, ok := ds.Int(t); ok && n >= 0 {
		return n
	}
	return -1
}

// mostHoldings bounds the instances of one study.
const mostHoldings = 1_000_000

// Holdings implements exchange.Source.
func (l line) Holdings(ctx context.Context, siteID, peer string, study uid.UID, narrow func([]exchange.FarSeries) []exchange.FarSeries) ([]exchange.Far, error) {
	a, err := l.asking(ctx, siteID, peer)
	if err != nil {
		return nil, err
	}
	defer a.Abort()
	var series []exchange.FarSeries
	at := func(level string) *dicom.Builder {
		return dicom.NewBuilder().Text(tag.QueryRetrieveLevel, level).UID(tag.StudyInstanceUID, study)
	}
	err = askFar(ctx, a, at("SERIES").Text(tag.SeriesInstanceUID).Text(tag.Modality), func(ds *dicom.Dataset) error {
		if u := ds.UID(tag.SeriesInstanceUID); !u.IsZero() && len(series) < mostHoldings {
			series = append(series, exchange.FarSeries{UID: u, Modality: strings.TrimSpace(ds.Text(tag.Modality))})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []exchange.Far
	for _, s := range narrow(series) {
		keys := at("IMAGE").UID(tag.SeriesInstanceUID, s.UID).Text(tag.SOPInstanceUID).Text(tag.SOPClassUID).Text(tag.InstanceNumber)
		err := askFar(ctx, a, keys, func(ds *dicom.Dataset) error {
			one := exchange.Far{Series: s, SOP: ds.UID(tag.SOPInstanceUID), SOPClass: ds.UID(tag.SOPClassUID)}
			one.Number, _ = ds.Int(tag.InstanceNumber)
			if one.SOP.IsZero() {
				return nil
			}
			if all = append(all, one); len(all) > mostHoldings {
				return fault.Errorf(fault.Exhausted, "the peer lists more than %d instances of a study", mostHoldings)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, a.Release(ctx)
}
