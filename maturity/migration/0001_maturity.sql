-- +goose Up

-- Human: no rebuild touches what follows.

-- Assessments: of digital maturity, and of the quality stars.
create table maturity_assessment (
    assessment_id text primary key,
    site_id       text not null,
    kind          text not null,   -- maturity, stars
    name          text not null,   -- as people call it, such as a year
    single_area   bigint not null, -- 1: the facility has one area that makes images
    floor         bigint not null, -- 1: levels 5 to 7 also need the floor of decision support
    state         text not null,   -- open, closed
    opened_by     text not null,
    opened_at     bigint not null,
    closed_by     text not null,   -- '' while open
    closed_at     bigint not null, -- 0 while open
    day           text not null,   -- at the site: of closing, or of opening while open
    result        text not null    -- JSON, as it stood when it was closed; '' while open
);
create index maturity_assessment_of on maturity_assessment (site_id, kind, opened_at);

-- What was answered, never changed: the newest version of an item counts.
create table maturity_answer (
    assessment_id text not null,
    item          text not null,   -- id of the indicator or criterion
    version       bigint not null,
    site_id       text not null,
    answer        bigint not null, -- 0 to 4, -1 not applicable, -2 taken back; of stars 1 met, 0 open
    reason        text not null,
    due           text not null,   -- day of a plan for an open criterion
    proposed      text not null,   -- the answer that evidence proposed, '' if none
    measured      text not null,   -- JSON, what evidence said
    done_by       text not null,
    done_at       bigint not null,
    primary key (assessment_id, item, version)
);

-- What is to be done about an item, never changed: the newest version counts.
create table maturity_step (
    assessment_id text not null,
    item          text not null,
    version       bigint not null,
    site_id       text not null,
    effort        text not null,   -- days of work as the site reckons, a decimal; '' unknown
    owner         text not null,   -- who does it, in words
    due           text not null,
    note          text not null,
    done          bigint not null, -- 1: done
    done_by       text not null,
    done_at       bigint not null,
    primary key (assessment_id, item, version)
);

-- Results of other sites, from signed files.
create table maturity_peer (
    site_id     text not null,
    signer      text not null, -- public key, hexadecimal
    kind        text not null,
    day         text not null,
    country     text not null,
    region      text not null,
    facility    text not null,
    body        text not null, -- JSON, as it was signed
    imported_by text not null,
    imported_at bigint not null,
    primary key (site_id, signer, kind, day)
);

-- +goose Down
drop table maturity_peer;
drop table maturity_step;
drop table maturity_answer;
drop table maturity_assessment;
