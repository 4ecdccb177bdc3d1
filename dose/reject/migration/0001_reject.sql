-- +goose Up

-- Reject logs that were imported. Of a file only the columns that the map names are
-- kept: no operator, no patient.
create table dose_reject_batch (
    batch_id  text primary key,
    site_id   text not null,
    vendor    text not null, -- of the software that wrote the log
    release   text not null, -- version of that software, '' if unknown
    format    text not null, -- csv, xlsx, xml
    layout    text not null, -- JSON: which column is what, which name is which machine
    digest    text not null, -- SHA-256 of the file as it came, hexadecimal
    content   bytea not null, -- CSV, in which every row keeps its line
    told      text not null, -- JSON: how many rows there are, and those not taken
    taken     bigint not null,
    done_by   text not null,
    done_at   bigint not null,
    undone_by text not null,
    undone_at bigint not null -- 0 while it stands
);
create index dose_reject_batch_site on dose_reject_batch (site_id, done_at);
create index dose_reject_batch_digest on dose_reject_batch (site_id, digest);

-- Exposures of the logs that stand, read from the files.
create table dose_reject_row (
    batch_id    text not null,
    line        bigint not null,
    site_id     text not null,
    machine_id  text not null,
    day         text not null, -- 2006-01-02
    exam        text not null, -- as the log says
    view        text not null, -- likewise
    rejected    boolean not null,
    reason      text not null, -- as the log says, '' if it says none
    exposure    double precision, -- exposure index
    fingerprint text not null, -- the same for the same exposure in another file
    primary key (batch_id, line)
);
create index dose_reject_row_day on dose_reject_row (site_id, day);
create index dose_reject_row_fingerprint on dose_reject_row (site_id, fingerprint);

-- How the logs of a vendor's software are read.
create table dose_reject_map (
    site_id text not null,
    vendor  text not null,
    release text not null,
    layout  text not null, -- JSON
    done_by text not null,
    done_at bigint not null,
    primary key (site_id, vendor, release)
);

-- Which reason of the content a vendor's logs mean by a text.
create table dose_reject_reason (
    site_id     text not null,
    vendor      text not null,
    folded      text not null, -- the text as it is compared
    shown       text not null,
    reason_code text not null,
    done_by     text not null,
    done_at     bigint not null,
    primary key (site_id, vendor, folded)
);

-- +goose Down
drop table dose_reject_reason;
drop table dose_reject_map;
drop table dose_reject_row;
drop table dose_reject_batch;
