/* Places of what was typed: the moves from their states, joined into one arc a character; see typed.h. */
#include "typed.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "phrases.h"

enum { NO_PLACE = -1, NO_LABEL = 0 };

/* Put a state into order behind the states that a place has from `first` on, unless a cheaper way to it is there. */
static void add_state(Automaton *automaton, int32_t first, Weighted added) {
    int32_t at = automaton->state_count;
    while (at > first && automaton->states[at - 1].state > added.state) at--;
    if (at > first && automaton->states[at - 1].state == added.state) {
        Weighted *known = &automaton->states[at - 1];
        if (added.cost > known->cost) known->cost = added.cost;
        return;
    }
    int *failed = &automaton->ways.failed;
    if (APPEND(automaton->states, automaton->state_count, automaton->state_room, *failed) == NULL) return;
    Weighted *place = &automaton->states[at];
    memmove(place + 1, place, (size_t)(automaton->state_count - 1 - at) * sizeof *place);
    *place = added;
}

static uint32_t bucket_of(const Weighted *states, int32_t count) {
    uint64_t hash = 0;
    for (int32_t rank = 0; rank < count; rank++) {
        uint64_t bits;
        memcpy(&bits, &states[rank].cost, sizeof bits);
        hash = (hash ^ bits ^ (uint32_t)states[rank].state) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    return (uint32_t)(hash % BUCKETS);
}

static int same_states(const Weighted *one, const Weighted *other, int32_t count) {
    for (int32_t rank = 0; rank < count; rank++)
        if (one[rank].state != other[rank].state || one[rank].cost != other[rank].cost) return 0;
    return 1;
}

/* Give the number of the place that the states from `first` on are together, their costs counted from the best of them;
 * writes what that costs. */
static int32_t name_place(Automaton *automaton, int32_t first, double *best) {
    Weighted *states = automaton->states + first;
    int32_t count = automaton->state_count - first, kept = 0;
    double done = -INFINITY;
    *best = -INFINITY;
    for (int32_t rank = 0; rank < count; rank++) {
        if (states[rank].state == DONE) done = states[rank].cost;
        if (states[rank].cost > *best) *best = states[rank].cost;
    }
    /* What is behind a way that has matched everything never comes before it again. */
    for (int32_t rank = 0; rank < count; rank++)
        if (states[rank].cost > done || states[rank].state == DONE)
            states[kept++] = (Weighted){states[rank].state, round_cost(states[rank].cost - *best)};
    int32_t *bucket = &automaton->buckets[bucket_of(states, kept)];
    for (int32_t number = *bucket; number != NO_PLACE; number = automaton->names[number].next) {
        const Name *name = &automaton->names[number];
        if (name->count != kept || !same_states(automaton->states + name->first, states, kept)) continue;
        automaton->state_count = first;
        return number;
    }
    automaton->state_count = first + kept;
    Name *added = APPEND(automaton->names, automaton->name_count, automaton->name_room, automaton->ways.failed);
    if (added == NULL) return NO_PLACE;
    *added = (Name){first, kept, *bucket};
    return *bucket = automaton->name_count - 1;
}

void automaton_free(Automaton *automaton) {
    ways_end(&automaton->ways);
    free(automaton->states);
    free(automaton->names);
    free(automaton->labels);
    free(automaton->label_of);
    free(automaton);
}

Automaton *automaton_new(const Typed *typed) {
    size_t vocabulary = (size_t)typed->keys->vocabulary;
    Automaton *automaton = calloc(1, sizeof *automaton);
    if (automaton == NULL) return NULL;
    memset(automaton->buckets, 0xff, sizeof automaton->buckets);
    ways_begin(&automaton->ways, typed);
    automaton->label_of = calloc(2 * vocabulary, sizeof(int32_t));
    if (automaton->label_of != NULL) automaton->joined = automaton->label_of + vocabulary;
    for (int32_t part = 0; part < typed->reading_count; part++)
        add_state(automaton, 0, (Weighted){state_of(part, 0, 0, 0), part > 0 ? typed->keyboard : 0.0});
    if (typed->corrections > 0) {
        double cost = plant_corrections(&automaton->ways);
        add_state(automaton, 0, (Weighted){state_of(typed->reading_count, 0, 0, 0), cost});
    }
    if (automaton->state_count == 0) add_state(automaton, 0, (Weighted){DONE, 0.0});
    double best;
    name_place(automaton, 0, &best);
    if (automaton->label_of != NULL && !automaton->ways.failed) return automaton;
    automaton_free(automaton);
    return NULL;
}

/* Note that some characters (count,) lead to a target; NULL for the end symbol and all characters. */
static void join(Automaton *automaton, const int32_t *ids, int32_t count, Weighted target) {
    int *failed = &automaton->ways.failed;
    int32_t group = ++automaton->groups;
    for (int32_t rank = 0; rank < count; rank++) {
        int32_t id = ids == NULL ? END_ID + rank : ids[rank], before = automaton->label_of[id];
        if (automaton->labels[before].group != group) {
            Label *added = APPEND(automaton->labels, automaton->label_count, automaton->label_room, *failed);
            if (added == NULL) return;
            *added = (Label){.before = before, .target = target, .place = NO_PLACE};
            automaton->labels[before].group = group;
            automaton->labels[before].after = automaton->label_count - 1;
        }
        if (before == NO_LABEL) automaton->joined[automaton->joined_count++] = id;
        automaton->label_of[id] = automaton->labels[before].after;
    }
}

/* Join the moves from all states of a place. */
static void join_moves(Automaton *automaton, const Name *name) {
    const Ways *ways = &automaton->ways;
    automaton->label_count = automaton->joined_count = automaton->groups = 0;
    Label *nowhere = APPEND(automaton->labels, automaton->label_count, automaton->label_room, automaton->ways.failed);
    if (nowhere == NULL) return;
    *nowhere = (Label){.place = NO_PLACE};
    for (int32_t rank = 0; rank < name->count; rank++) {
        const Weighted from = automaton->states[name->first + rank];
        if (from.state == DONE) {
            join(automaton, NULL, ways->typed.keys->vocabulary - END_ID, from);
            continue;
        }
        moves_from(&automaton->ways, from.state);
        for (int32_t at = 0; at < ways->move_count; at++) {
            const Move *move = &ways->moves[at];
            join(automaton, move->ids, move->count, (Weighted){move->target, round_cost(from.cost + move->cost)});
        }
    }
}

int make_place(Automaton *automaton, int32_t number, Place *place) {
    const Name name = automaton->names[number];
    place->free = name.count == 1 && automaton->states[name.first].state == DONE;
    if (place->free) return make_known(place);
    join_moves(automaton, &name);
    int32_t count = automaton->joined_count;
    int held = hold_arcs(place, count) && !automaton->ways.failed;
    for (int32_t arc = 0; arc < count; arc++) {
        int32_t id = automaton->joined[arc], label = automaton->label_of[id];
        automaton->label_of[id] = NO_LABEL;
        if (!held) continue;
        Label *reached = &automaton->labels[label];
        if (reached->place == NO_PLACE) {
            int32_t first = automaton->state_count;
            for (int32_t at = label; at != NO_LABEL; at = automaton->labels[at].before)
                add_state(automaton, first, automaton->labels[at].target);
            reached->place = name_place(automaton, first, &reached->best);
            held = !automaton->ways.failed;
        }
        place->ids[arc] = id;
        place->places[arc] = reached->place;
        place->costs[arc] = (float)reached->best;
    }
    return held && make_known(place);
}
