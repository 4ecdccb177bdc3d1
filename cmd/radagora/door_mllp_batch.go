package main

import (
	"bytes"
	"context"
	"errors"
	"io"

	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/hl7/mllp"
)

// mostBatched is how many messages one batch may have: each is stored before any is
// answered.
const mostBatched = 1000

// batched reports whether what came in one frame is a batch, or a file of batches
// (chapter 2, section 2.10.3), and no message.
func batched(frame []byte) bool {
	begin := bytes.TrimLeft(frame, "\r\n")
	return bytes.HasPrefix(begin, []byte("FHS")) || bytes.HasPrefix(begin, []byte("BHS"))
}

// batch stores the messages of a batch, each for itself, and answers with a batch of
// their acknowledgements. Nothing is stored of a batch whose trailers count otherwise:
// something was lost on the way, and its sender has it whole.
func (m mailroom) batch(ctx context.Context, p mllp.Peer, frame []byte) ([]byte, error) {
	messages, refused := ofBatch(frame)
	if len(messages) == 0 {
		return nil, errors.Join(refused, fault.Errorf(fault.Invalid, "a batch without messages: it is not answered"))
	}
	var answers [][]byte
	failed := refused
	for _, message := range messages {
		err := refused
		if refused == nil {
			err = m.store(ctx, p, message)
		}
		if failed == nil {
			failed = err
		}
		if answer := m.answer(message, err); answer != nil {
			answers = append(answers, answer)
		}
	}
	out, err := m.together(messages[0], answers)
	return out, errors.Join(failed, err)
}

// ofBatch returns the messages of a batch.
func ofBatch(frame []byte) (all [][]byte, err error) {
	r := hl7.NewReader(bytes.NewReader(frame), hl7.Limits{Message: len(frame) + 1})
	for {
		item, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if len(r.Warnings) > 0 {
				return all, fault.Errorf(fault.Invalid, "the batch is not whole: %s", r.Warnings[0].Text)
			}
			return all, nil
		case err != nil:
			return all, err
		case item.Kind == "MSH":
			all = append(all, item.Bytes)
		}
		if len(all) > mostBatched {
			return all[:1], fault.Errorf(fault.Exhausted, "a batch of more than %d messages: send several", mostBatched)
		}
	}
}

// together writes acknowledgements as one batch for whoever sent a message.
func (m mailroom) together(message []byte, answers [][]byte) ([]byte, error) {
	to := hl7.Header{ControlID: db.NewID(), Version: "2.5.1", Processing: "P", Type: "ACK"}
	if parsed, err := hl7.Parse(message, nil); err == nil {
		h := parsed.Header()
		to.SendingApplication, to.SendingFacility = h.ReceivingApplication, h.ReceivingFacility
		to.ReceivingApplication, to.ReceivingFacility = h.SendingApplication, h.SendingFacility
	}
	var out bytes.Buffer
	w, err := hl7.NewWriter(&out, to, m.Now())
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		parsed, err := hl7.Parse(a, nil)
		if err == nil {
			err = w.Write(parsed)
		}
		if err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}
