/* Which characters of a phrase stand for what was typed: the best way through the states, by Viterbi's algorithm
 * (model/alignment.py). */
#include "memory.h"
#include "phrases.h"
#include "typed.h"

enum { NO_STEP = -1, NO_MATCH = -1 };

/* A way as far as a character: what it costs, nats, its state, the last of the kinds that it took, the way that it
 * goes on from, and the move that came last. */
typedef struct {
    double cost;
    State state;
    int32_t kind, before, matched, unknown;
} Step;

typedef struct {
    Step *steps;
    int32_t count, room;
    int failed;
} Steps;

/* Tell whether a way costs less than another, or the same by a kind that is preferred. */
static int is_better(const Step *one, const Step *other) {
    return one->cost > other->cost || (one->cost == other->cost && one->kind < other->kind);
}

/* Add a way, or put it in the place of the one from `first` on that comes to the same state, if it is better. */
static void add_step(Steps *steps, int32_t first, const Step *step) {
    for (int32_t at = first; at < steps->count; at++) {
        if (steps->steps[at].state != step->state) continue;
        if (is_better(step, &steps->steps[at])) steps->steps[at] = *step;
        return;
    }
    Step *added = APPEND(steps->steps, steps->count, steps->room, steps->failed);
    if (added != NULL) *added = *step;
}

static int admits(const Move *move, int32_t id) {
    for (int32_t rank = 0; rank < move->count; rank++)
        if (move->ids[rank] == id) return 1;
    return 0;
}

/* Find the best way for a phrase, as far as to where all that was typed is matched.
 *
 * ids: (count,) of it; code_points: (count,) to tell unknown characters from each other, or NULL to take each for the
 * one that was typed. Gives the kind of match and writes what it costs, nats; and (count,) whether each character
 * stands for something typed, and the code point of what was typed for an unknown one. NO_MATCH, or NO_MEMORY. */
int32_t machim_query_align(
    Query *query, int32_t count, const int32_t *ids, const int32_t *code_points, double *cost, uint8_t *matched,
    int32_t *unknown) {
    Automaton *automaton = query->automaton;
    Steps steps = {0};
    Step done = {.cost = -INFINITY, .before = NO_STEP};
    int32_t first = 0, ends = 0;
    for (int32_t rank = 0; rank < automaton->names[0].count; rank++) {
        const Weighted *start = &automaton->states[automaton->names[0].first + rank];
        Step step = {.cost = start->cost, .state = start->state, .kind = EXACT, .before = NO_STEP};
        if (start->state == DONE)
            done = step;
        else
            add_step(&steps, 0, &step);
    }
    for (int32_t at = 0; at < count && first < steps.count; at++) {
        int32_t end = steps.count;
        for (; first < end; first++) {
            const Step from = steps.steps[first];
            moves_from(&automaton->ways, from.state);
            for (int32_t rank = 0; rank < automaton->ways.move_count; rank++) {
                const Move *move = &automaton->ways.moves[rank];
                if (!admits(move, ids[at])) continue;
                if (code_points != NULL && move->unknown != NO_CODE_POINT && move->unknown != code_points[at]) continue;
                int32_t kind = from.kind > move->kind ? from.kind : move->kind;
                double longer = round_cost(from.cost + move->cost);
                const Step step = {longer, move->target, kind, first, move->matched, move->unknown};
                if (step.state != DONE) {
                    add_step(&steps, end, &step);
                } else if (is_better(&step, &done)) {
                    done = step;
                    ends = at + 1;
                }
            }
        }
    }
    for (int32_t at = ends; at < count; at++) matched[at] = 0, unknown[at] = NO_CODE_POINT;
    for (const Step *step = &done; ends > 0; step = &steps.steps[step->before]) {
        matched[--ends] = (uint8_t)step->matched;
        unknown[ends] = step->unknown;
    }
    free(steps.steps);
    *cost = done.cost;
    if (steps.failed || automaton->ways.failed) return NO_MEMORY;
    return done.cost > -INFINITY ? done.kind : NO_MATCH;
}
