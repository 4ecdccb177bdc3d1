-- +goose Up

-- Scans of CT whose size is not told by report or header, and what their pixels say. A
-- rebuild keeps it: the pixels have not changed.
create table dose_pixel (
    site_id     text not null,
    study_uid   text not null,
    series_uid  text not null,
    acquisition text not null, -- number within the series, '' if unknown
    event_uid   text not null, -- '' if unknown
    state       text not null, -- waiting, measured, refused
    reason      text not null, -- of a refusal: truncated, no_body, not_axial, unreadable, another
    dw_cm       double precision not null, -- mean of the slices measured
    dw_min_cm   double precision not null,
    dw_max_cm   double precision not null,
    slices      bigint not null, -- that were looked at
    measured    bigint not null, -- of them, those with a diameter
    cut         bigint not null, -- of them, those whose body the field of view cuts off
    method      text not null, -- content set and its edition
    done_at     bigint not null,
    primary key (site_id, study_uid, series_uid, acquisition)
);
create index dose_pixel_waiting on dose_pixel (state, site_id, study_uid) where state = 'waiting';

-- +goose Down
drop table dose_pixel;
