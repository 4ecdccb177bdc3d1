-- +goose Up

-- How many persons a cumulative rule is about, counted once a day. It holds nobody's
-- number.
create table review_cumulative (
    site_id      text not null,
    rule_id      text not null,
    years        bigint not null, -- up to the day of counting
    day          text not null, -- of counting
    persons      bigint not null, -- with an examination in that time
    above        bigint not null, -- of them, those at or above the value
    examinations bigint not null, -- of all of them
    estimated    bigint not null, -- of these, those whose dose could be estimated
    primary key (site_id, rule_id, years)
);

-- +goose Down
drop table review_cumulative;
